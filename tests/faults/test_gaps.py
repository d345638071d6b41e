"""What the result of a scan says of its gaps: each is counted by its cause, whichever run or earlier scan it is of."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from scanner.core.errors import Interrupted
from scanner.core.interfaces import Observer
from scanner.simulator.generate.build import make_world
from scanner.simulator.world.faults import Faults
from tests.faults.worlds import organization, scan, settings_for, stop_at_the_last_account

WORLD = make_world(accounts=3, regions=1, nodes=36, rows=40)

pytestmark = pytest.mark.slow


class LosesEarlierScans(Observer):
    """Deletes the segments of every scan once the targets are about to be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def target_opened(self, target, counts) -> None:
        for segment in (self._folder / "scans").glob("*/segments/*"):
            segment.unlink()


async def test_rows_that_cannot_be_carried_over_are_gaps_with_their_reason(tmp_path):
    with organization(WORLD):
        settings = settings_for(tmp_path, WORLD, max_open_targets=len(WORLD.accounts))
        await scan(settings)
        result = await scan(structs.replace(settings, mode="delta"), observers=[LosesEarlierScans(tmp_path)])

    assert result.scan.nodes["failed"] > 0
    assert sum(result.node_gaps_by_cause.values()) == result.scan.nodes["failed"]
    assert {cause.partition(":")[0] for cause in result.node_gaps_by_cause} == {"failed"}
    assert all("its rows could not be carried over" in gap.reason for gap in result.node_gaps)


async def test_a_scan_that_was_resumed_names_the_gaps_of_its_first_run_too(tmp_path):
    with organization(WORLD, faults=Faults(mismatched=0.3)) as simulator:
        whole = await scan(settings_for(tmp_path / "whole", WORLD))
        settings = settings_for(tmp_path / "stopped", WORLD, max_open_targets=1)
        stop_at_the_last_account(simulator)
        with pytest.raises(Interrupted):
            await scan(settings)
        resumed = await scan(settings, resume="latest")

    assert whole.node_gaps_by_cause
    assert resumed.gaps_by_cause() == whole.gaps_by_cause()
    assert sum(resumed.node_gaps_by_cause.values()) == resumed.scan.nodes["mismatched"]
