"""Since when patches are missing, over nights on the wire: full, delta and lean scans, and pruned ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.core.state_names import LACKING_STATES
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.simulator.world.faults import Faults
from scanner.store.store import Store
from tests.faults.nights import Night, nights, state_of
from tests.store.missing_since.fleet_year import Expected, dates_in

MODES = ("full", "lean", "delta", "lean", "full", "delta", "delta", "lean")
FLEET = make_world(accounts=2, regions=1, nodes=16, rows=60)


def truth_of(expected: Expected, truth, night: Night):
    """What the rows of a night have to say, by the organization as it is."""
    dates = {}
    for key, node in night.nodes.items():
        read_at = round(node["scanned_at"].timestamp() * 1000)
        lacking = {(row[3], row[4]) for row in truth.patches_of(*key) if state_of(row) in LACKING_STATES}
        for patch, since in expected.read(key[2], lacking, read_at).items():
            dates[key[2], patch] = since
    return dates


@pytest.mark.slow
async def test_every_date_is_the_truth_through_full_delta_and_lean_nights_and_pruned_scans(tmp_path, monkeypatch):
    expected = Expected()
    with nights(FLEET, tmp_path, monkeypatch, faults=Faults(filter_before_page=True)) as fleet:
        keys = list(fleet.simulator.truth().nodes)
        for number, mode in enumerate(MODES):
            night = await fleet.scan(mode)
            store = Store(LocalFiles(Path(fleet.settings.store.location)))
            dates = await dates_in(store, night.result.scan.scan_id)

            assert dates == truth_of(expected, fleet.simulator.truth(), night), (number, mode)
            assert (number == 0) == all(since is None for since, _ in dates.values())
            if number % 3 == 2:
                await store.prune(1)

            def change(number: int = number) -> None:
                for place, key in enumerate(keys):
                    if (place + number) % 4 == 0:
                        fleet.simulator.supersede_node(*key)
                    elif (place + number) % 7 == 0:
                        fleet.simulator.patch_node(*key)

            fleet.next_day(change=change)
    assert len({since for since, _ in dates.values()}) > 4
