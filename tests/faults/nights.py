"""A fleet that AWS scans every day and a run every night: what each row was on which day, and what each run cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Struct, structs

from scanner.core.columns import PATCH_COLUMNS
from scanner.core.model import Mode
from scanner.core.settings import Settings
from scanner.core.state_names import REFRESHED_STATES
from scanner.files.local import LocalFiles
from scanner.reports.scan_result import ScanResult
from scanner.simulator.generate.build import make_world
from scanner.simulator.generate.packages import DAY_S
from scanner.simulator.generate.patches import patches_of
from scanner.simulator.server.simulator import Simulator
from scanner.store.store import Store
from tests.faults.worlds import organization, scan, settings_for

NodeKey = tuple[str, str, str]
CALL = "DescribeInstancePatches"
COLUMNS = ("account_id", "region", "instance_id", *(column.name for column in PATCH_COLUMNS), "as_of")


class Night(Struct, frozen=True):
    """A committed scan: its nodes, the rows of each with their dates, and how many calls for patches it took."""

    result: ScanResult
    nodes: dict[NodeKey, dict[str, Any]]
    rows: dict[NodeKey, list[tuple[tuple, int | None]]]
    calls: int

    @property
    def statuses(self) -> dict[NodeKey, str]:
        return {key: row["status"] for key, row in self.nodes.items()}


class Nights:
    """The days of a simulated organization, and its scans into one store."""

    def __init__(self, simulator: Simulator, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.simulator = simulator
        self.settings = settings
        self._now_s = time.time()
        self._then: dict[tuple[NodeKey, int], list[tuple]] = {}
        monkeypatch.setattr("scanner.app.resume.scan_clock", lambda *_, **__: self.now)
        monkeypatch.setattr("scanner.app.plan.time", SimpleNamespace(time=self.now))
        # The id too is of the night: ids of one second have no order, and the newest is what `prune` keeps.
        monkeypatch.setattr("scanner.app.resume.time", SimpleNamespace(time=self.now))
        self.remember()

    def now(self) -> float:
        """The clock of every scan and plan."""
        return self._now_s

    def remember(self) -> None:
        """Keeps what every node lists now, by the end of its last patching operation."""
        truth = self.simulator.truth()
        for key, node in truth.nodes.items():
            ended = node.columns["operation_end_time"]
            self._then[key, ended] = [tuple(row) for row in truth.patches_of(*key)]

    def next_day(self, *, change=lambda: None) -> None:
        """Lets a day pass: AWS scans every node again, after `change`."""
        self._now_s += DAY_S
        self.simulator.rescan_nodes()
        change()
        self.remember()

    async def scan(self, mode: Mode = "lean", **more: object) -> Night:
        before = self.simulator.stats.requests(CALL)
        result = await scan(structs.replace(self.settings, mode=mode), **more)
        calls = self.simulator.stats.requests(CALL) - before
        return await read_night(Path(self.settings.store.location), result, calls)

    def assert_dated_truth(self, night: Night) -> None:
        """Every node is there; what is lacking is true now, and what is carried was true when its date says."""
        truth = self.simulator.truth()
        assert night.nodes.keys() == truth.nodes.keys()
        for key, node in truth.nodes.items():
            rows, ended = night.rows.get(key, []), node.columns["operation_end_time"]
            lacking = [row for row in truth.patches_of(*key) if state_of(row) in REFRESHED_STATES]
            assert sorted_rows(row for row, _ in rows if state_of(row) in REFRESHED_STATES) == sorted_rows(lacking)
            assert {as_of for row, as_of in rows if state_of(row) in REFRESHED_STATES} <= {ended}
            carried_at = _ms(night.nodes[key]["installed_as_of"])
            assert {as_of for row, as_of in rows if state_of(row) not in REFRESHED_STATES} <= {carried_at}
            then = [row for row in self._then[key, carried_at] if self._is_carried(row)]
            assert sorted_rows(row for row, _ in rows if self._is_carried(row)) == sorted_rows(then)
            if night.statuses[key] == "verified":
                assert carried_at == ended

    def _is_carried(self, row: tuple) -> bool:
        return state_of(row) not in (*REFRESHED_STATES, "NOT_APPLICABLE")


PLATFORMS = {"amazon-linux-2023": 6, "ubuntu-22.04": 2, "windows-2022": 2}  # the mix of a usual fleet, of ten nodes
NOT_LACKING = frozenset({"Installed", "InstalledOther", "NotApplicable"})


def half_lacking(nodes):
    """Returns a world of nodes of the usual sizes, half of which lack something."""
    world = make_world(accounts=1, regions=1, nodes=nodes * 6, platforms=tuple(PLATFORMS))
    ((account_id, account),) = world.accounts.items()
    ((name, region),) = account.regions.items()
    left = {(platform, lacks): nodes * share // 20 for platform, share in PLATFORMS.items() for lacks in (True, False)}
    chosen = []
    for node in region.nodes:
        kind = (node.platform, not patches_of(node, 0, world.as_of_s).by_state.keys() <= NOT_LACKING)
        if left[kind]:
            left[kind] -= 1
            chosen.append(node)
    region = structs.replace(region, nodes=tuple(chosen))
    account = structs.replace(account, regions={name: region})
    return structs.replace(world, accounts={account_id: account})


@contextmanager
def nights(world, folder: Path, monkeypatch: pytest.MonkeyPatch, **faults: object) -> Iterator[Nights]:
    """Serves the organization; every scan goes into a store in this folder."""
    with organization(world, **faults) as simulator:
        yield Nights(simulator, settings_for(folder, world), monkeypatch)


async def read_night(folder: Path, result: ScanResult, calls: int) -> Night:
    """Reads a committed scan back, with the dates of its rows."""
    store = Store(LocalFiles(folder))
    nodes: dict[NodeKey, dict[str, Any]] = {}
    rows: dict[NodeKey, list[tuple[tuple, int | None]]] = {}
    async for batch in store.replay(result.scan.scan_id):
        for node in batch.nodes.to_pylist():
            nodes[node["account_id"], node["region"], node["instance_id"]] = node
        columns = [batch.patches.column(name).to_pylist() for name in COLUMNS]
        for *plain, installed_time, cves, as_of in zip(*columns, strict=True):
            row = (*plain, _ms(installed_time), tuple(cves))
            rows.setdefault((row[0], row[1], row[2]), []).append((row, _ms(as_of)))
    return Night(result, nodes, rows, calls)


def state_of(row: tuple) -> str:
    """The state of a row in the form of the simulated organization."""
    return row[7]


def sorted_rows(rows) -> list[tuple]:
    return sorted((tuple(row) for row in rows), key=repr)


def _ms(value: datetime | None) -> int | None:
    return None if value is None else round(value.timestamp() * 1000)
