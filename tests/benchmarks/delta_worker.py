"""The memory of a whole `patchsweep work` in a delta scan, with few nodes and with ten times as many.

`python -m tests.benchmarks.delta_worker FOLDER ACCOUNTS NODES` writes the scan before it, in which no node differs from
what the server answers. A node has 25 rows there: a segment holds 100,000 rows whatever a node has, and is as large in
memory.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from msgspec import Struct, convert

from scanner.aws.decode import patch_state_of
from scanner.aws.transport.wire import WirePatchState
from scanner.core.model import ManagedNode, NodeScan, NodeStatus, Target, TargetOutcome, TargetStatus
from scanner.core.patch_rows import Patch, PatchRows, patch_rows_of
from scanner.core.process import set_up_process
from scanner.core.scan_request import request_of
from scanner.core.settings import Settings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.layout import ScanNames
from scanner.store.manifest import ScanHeader
from scanner.store.open_scan import OpenScan
from scanner.store.store import Store
from tests.benchmarks.big_store import scan_row_of
from tests.benchmarks.clients import NO_LIMIT
from tests.benchmarks.machine_answers import instance_id
from tests.benchmarks.plan import READ_REGIONS, Size
from tests.benchmarks.processes import Server, Usage, measured, serving
from tests.benchmarks.profiles import Profile, make_profiles
from tests.benchmarks.results import Result

WORKERS = 2
MOST_NODES = 500  # of a target: a fleet grows by its accounts, and a worker has a bounded number of targets open
ROWS_A_NODE = 25
NODES_A_SEGMENT = Settings().store.flush_rows // ROWS_A_NODE
GOAL_KB = 0.3  # a node of the scan
HOUR_MS = 3_600_000
PATCHES = "DescribeInstancePatches"


def delta_worker(size: Size) -> list[Result]:
    """Peak memory of the workers of a delta scan in which nothing has changed, for two numbers of nodes a worker.

    Raises:
        RuntimeError: rows are missing, or a node was read.
    """
    runs = [_run(nodes) for nodes in size.worker_nodes]
    few, many = runs
    growth_kb = (many["peak_mb"] - few["peak_mb"]) * 1024 / (many["nodes"] - few["nodes"])
    return [
        Result(
            name="Memory of a whole worker of a delta scan",
            about=f"`patchsweep work`, the larger of {WORKERS}, of targets of at most {MOST_NODES} nodes, none of "
            "which has changed: it looks up the last scan, asks for every node and carries all rows over.",
            columns=["nodes a worker", "targets a worker", "rows of the scan", "MB, peak", "CPU s a worker"],
            rows=[
                [
                    *(f"{run[name] // WORKERS:,}" for name in ("nodes", "targets")),
                    *(f"{run['rows']:,}", f"{run['peak_mb']:.0f}", f"{run['cpu_s']:.1f}"),
                ]
                for run in runs
            ],
            runs=runs,
            goals={f"at most {GOAL_KB:g} kB more with each node of the scan: {growth_kb:.2f}": growth_kb <= GOAL_KB},
        )
    ]


class Fleet(Struct, frozen=True):
    """So many accounts, with as many nodes in each Region of each."""

    accounts: int
    nodes: int

    @classmethod
    def of(cls, nodes: int) -> Fleet:
        """A fleet of about so many nodes in all."""
        accounts = max(nodes // (len(READ_REGIONS) * MOST_NODES), 2)
        return cls(accounts, max(nodes // (len(READ_REGIONS) * accounts), 1))

    @property
    def account_ids(self) -> list[str]:
        return [f"{200_000_000_000 + number:012}" for number in range(self.accounts)]

    @property
    def targets(self) -> list[Target]:
        return [Target(account_id, region) for account_id in self.account_ids for region in READ_REGIONS]


def _run(nodes_a_worker: int) -> dict[str, Any]:
    fleet = Fleet.of(nodes_a_worker * WORKERS)
    nodes = len(fleet.targets) * fleet.nodes
    with serving(dict.fromkeys(READ_REGIONS, fleet.nodes)) as server, TemporaryDirectory() as folder:
        sizes = [str(fleet.accounts), str(fleet.nodes)]
        write = [sys.executable, "-m", "tests.benchmarks.delta_worker", f"{folder}/store", *sizes]
        measured(write, server.environment())  # a process of its own: a child's peak begins with that of its parent
        usages, rows = _scan(server, Path(folder), fleet)
        asked = server.stats()["counts"].get(PATCHES, 0)
    if asked or rows != nodes * ROWS_A_NODE:
        raise RuntimeError(f"{asked} pages were asked for, and the scan has {rows} rows")
    return {
        "nodes": nodes,
        "targets": len(fleet.targets),
        "rows": rows,
        "peak_mb": max(usage.peak_mb for usage in usages),
        "cpu_s": sum(usage.cpu_s for usage in usages) / WORKERS,
    }


def _scan(server: Server, folder: Path, fleet: Fleet) -> tuple[list[Usage], int]:
    """Returns what each worker took, and the rows of the scan."""
    summary = folder / "summary.json"
    environment = server.environment(PATCHSWEEP_STORE=f"{folder}/store")

    def run(*arguments: str) -> Usage:
        return measured([sys.executable, "-m", "scanner", *arguments], environment)

    scope = ("--accounts", ",".join(fleet.account_ids), "--role-name", "Reader", "--regions", ",".join(READ_REGIONS))
    scan_id = run("begin", "--mode", "delta", *scope).stdout.strip()
    usages = [run("work", scan_id, "--slice", f"{index}/{WORKERS}", *NO_LIMIT) for index in range(WORKERS)]
    run("finish", scan_id, "--no-progress", "--summary", str(summary))
    return usages, json.loads(summary.read_bytes())["patch_rows"]


async def write_earlier(folder: Path, fleet: Fleet) -> None:
    """Writes a scan of this fleet an hour ago, under the patch states of the server."""
    started_ms = int(time.time() * 1000) - HOUR_MS
    scan_id, profiles = Store.new_scan_id(started_ms), make_profiles()
    scan = OpenScan(LocalFiles(folder), ScanNames(scan_id))
    await scan.begin(ScanHeader(scan_id, started_ms, "benchmark", request_of(Settings())))
    rows = patch_rows_of([Patch(f"KB{number}", title="A title", state="Installed") for number in range(ROWS_A_NODE)])
    held: list[NodeScan] = []
    for target in fleet.targets:
        for number in range(fleet.nodes):
            held.append(_node(target, number, profiles[number % len(profiles)], rows, started_ms))
            if len(held) == NODES_A_SEGMENT:
                await scan.add_segment(segment_table(scan_id, held))
                held.clear()
    if held:
        await scan.add_segment(segment_table(scan_id, held))
    outcomes = [_outcome(target, fleet.nodes, started_ms) for target in fleet.targets]
    await scan.commit(scan_row_of(scan_id, started_ms, len(outcomes)), outcomes)


def _node(target: Target, number: int, profile: Profile, rows: PatchRows, ended_ms: int) -> NodeScan:
    state = patch_state_of(convert({"InstanceId": instance_id(number), **profile.state}, WirePatchState))
    node = ManagedNode(instance_id(number), platform_type=profile.platform, computer_name=f"node-{number}")
    return NodeScan(target, node, state, NodeStatus.VERIFIED, None, rows, pages=1, restarts=0, scanned_at=ended_ms)


def _outcome(target: Target, nodes: int, started_ms: int) -> TargetOutcome:
    return TargetOutcome(
        target, TargetStatus.SCANNED, None, nodes, nodes * ROWS_A_NODE, 1, 0, 0, started_ms, started_ms + 600_000
    )


if __name__ == "__main__":
    set_up_process()
    anyio.run(write_earlier, Path(sys.argv[1]), Fleet(int(sys.argv[2]), int(sys.argv[3])))
