"""Runs whole scans against a simulated organization, and holds what is stored against the organization's truth."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, structs

from scanner.app import run_scan
from scanner.core.columns import PATCH_COLUMNS
from scanner.core.model import NodeStatus, TargetStatus
from scanner.core.settings import LimitSettings, ScopeSettings, Settings, StoreSettings
from scanner.core.tables import NODES, PATCHES
from scanner.files.local import LocalFiles
from scanner.reports.scan_result import ScanResult
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.buckets import NO_LIMITS, Limits
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.server.simulator import Simulator
from scanner.simulator.world.faults import NO_FAULTS, Faults
from scanner.store.store import Store

EXTERNAL_ID = "meridian/4711"
WORLD = make_world(accounts=3, regions=2, nodes=42, rows=110, external_id=EXTERNAL_ID)
LIMITS = LimitSettings(
    rate_per_s=2_000.0,
    max_rate_per_s=2_000.0,
    burst=2_000.0,
    max_attempts=8,
    retry_first_delay_s=0.01,
    retry_max_delay_s=0.05,
    max_node_restarts=6,
)
#: The columns of `patches` that the simulated organization knows, in the order of its rows.
TRUE_COLUMNS = ("account_id", "region", "instance_id", *(column.name for column in PATCH_COLUMNS))
GAPS = (NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.UNFINISHED)


def settings_for(folder: Path, world=WORLD, **limits: object) -> Settings:
    """The whole organization, into a store in this folder, with small segments."""
    return Settings(
        scope=ScopeSettings(
            accounts=("organization",),
            regions=("enabled",),
            role_name=world.role_name,
            external_id=world.external_id,
        ),
        limits=structs.replace(LIMITS, **limits),
        store=StoreSettings(location=str(folder), flush_rows=500, flush_interval_s=0.5),
    )


@contextmanager
def aws_settings(simulator: Simulator) -> Iterator[None]:
    """This process's AWS settings point at the simulator."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        {**simulator.environment(), "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def organization(world=WORLD, *, faults: Faults = NO_FAULTS, limits: Limits = NO_LIMITS) -> Iterator[Simulator]:
    """Serve the organization, with the AWS settings of this process pointing at it."""
    with serve_in_thread(world, faults=faults, limits=limits) as simulator, aws_settings(simulator):
        yield simulator


async def scan(settings: Settings, *, resume: str | None = None, observers=()) -> ScanResult:
    return await run_scan(settings, resume=resume, demo=False, observers=observers, stdout=io.BytesIO())


def stop_at_the_last_account(simulator):
    """Sends SIGTERM to this process when patches of the third account are asked for: those before it are delivered."""
    seen = set()

    def watch(call):
        if call.operation == "DescribeInstancePatches" and call.account_id not in seen:
            seen.add(call.account_id)
            if len(seen) == len(simulator.world.accounts):
                os.kill(os.getpid(), signal.SIGTERM)

    simulator.watch(watch)


class Stored(Struct, frozen=True):
    """A committed scan as it lies in the store: node rows and patch rows by (account id, Region, instance id)."""

    nodes: dict[tuple[str, str, str], dict]
    patches: dict[tuple[str, str, str], list[tuple]]
    targets: dict[tuple[str, str], dict]
    scan: dict

    def status(self, key) -> NodeStatus:
        return NodeStatus(self.nodes[key]["status"])


async def stored(folder: Path | str, scan_id: str, files=None) -> Stored:
    """Read a committed scan back; a node that is there twice is an error."""
    store = Store(files or LocalFiles(folder))
    assert await store.verify(scan_id) == []
    nodes, patches = {}, {}
    async for batch in store.replay(scan_id):
        for row in batch.nodes.to_pylist():
            key = (row["account_id"], row["region"], row["instance_id"])
            assert key not in nodes
            nodes[key] = row
        columns = [batch.patches.column(name).to_pylist() for name in TRUE_COLUMNS]
        for account, region, instance, *rest in zip(*columns, strict=True):
            *plain, time, cves = rest
            stamp = None if time is None else round(time.timestamp() * 1000)
            row = (account, region, instance, *plain, stamp, tuple(cves))
            patches.setdefault((account, region, instance), []).append(row)
    summary = await store.summary(scan_id)
    targets = {(row["account_id"], row["region"]): row for row in summary.targets.to_pylist()}
    assert batch_columns_are_the_contract(batch) if nodes else True
    return Stored(nodes, patches, targets, summary.scans.to_pylist()[0])


def batch_columns_are_the_contract(batch) -> bool:
    return batch.nodes.schema.names == NODES.names and batch.patches.schema.names == PATCHES.names


def assert_rows_are_true(found: Stored, truth, *, among=None) -> None:
    """Every node of the truth (or those `among` them) is there once, with its rows, its facts and its status."""
    keys = set(truth.nodes) if among is None else set(among)
    if among is None:
        assert set(found.nodes) == keys
    for key in keys:
        true, row = truth.nodes[key], found.nodes[key]
        assert [tuple(patch) for patch in truth.patches_of(*key)] == found.patches.get(key, [])
        assert (row["status"], row["patch_rows"]) == (true.status.value, true.patch_rows), (key, row["reason"])
        assert {name: _plain(row[name]) for name in true.columns} == true.columns
        assert row["status"] not in {status.value for status in GAPS} or row["reason"]


def assert_is_the_truth(found: Stored, truth) -> None:
    """Nodes, patches and targets are those of the truth, and the scan's row adds them up."""
    assert_rows_are_true(found, truth)
    ended = {key: (row["status"], row["nodes"], row["patch_rows"]) for key, row in found.targets.items()}
    # An account whose role is refused cannot tell its Regions: one row stands for all of them.
    assert ended == {
        (account, "*" if target.status is TargetStatus.DENIED else region): (
            target.status.value,
            target.nodes,
            target.patch_rows,
        )
        for (account, region), target in truth.targets.items()
    }
    assert all(row["reason"] for row in found.targets.values() if row["status"] != TargetStatus.SCANNED)
    assert found.scan["patch_rows"] == truth.patch_rows == sum(map(len, found.patches.values()))


def _plain(value):
    return round(value.timestamp() * 1000) if hasattr(value, "timestamp") else value
