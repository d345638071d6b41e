"""`python -m tests.benchmarks.big_store FOLDER`: writes a store of two scans, 100,000 nodes and 25 million rows each.

The rows are made, not read: 200 different lists of 250 patches stand for all nodes. In the second scan every node has
25 patches in another state, so that `patchsweep diff` has 2.5 million changes to tell of.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import anyio
import msgspec
import pyarrow as pa

from scanner.core.interfaces import Files
from scanner.core.model import (
    ManagedNode,
    NodeScan,
    NodeStatus,
    PatchState,
    ScanRow,
    ScanStatus,
    Scope,
    Target,
    TargetOutcome,
    TargetStatus,
)
from scanner.core.patch_rows import Patch, PatchRows, patch_rows_of
from scanner.core.scan_request import request_of
from scanner.core.settings import Settings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.layout import ScanNames
from scanner.store.manifest import ScanHeader
from scanner.store.open_scan import OpenScan
from scanner.store.store import Store

NODES = 100_000
ROWS_A_NODE = 250
CHANGES_A_NODE = 25
NODES_A_SEGMENT = Settings().store.flush_rows // ROWS_A_NODE  # as a scan writes them
_LISTS = 200
_PACKAGES = 4_000
_OPEN_TARGETS = 64  # whose nodes a segment mixes
_NODES_A_TARGET = 50
_REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
STARTED_MS = 1_790_000_000_000
DAY_MS = 86_400_000
_STATES = (("Installed", 60), ("InstalledOther", 24), ("Missing", 12), ("NotApplicable", 3), ("Failed", 1))


def _packages(random: Random) -> list[Patch]:
    """Packages as a Linux fleet has them: a name and a title that hold the version."""
    return [
        Patch(
            kb_id=f"package-{number}.x86_64",
            title=f"package-{number}.x86_64:0:{random.randrange(9)}.{random.randrange(99)}-{random.randrange(900)}.amzn2023",
            classification=random.choice(("Security", "Security", "Bugfix", "Enhancement")),
            severity=random.choice(("Critical", "Important", "Medium", "Low", None)),
            state="Installed",
        )
        for number in range(_PACKAGES)
    ]


def _lists(random: Random) -> Iterator[list[Patch]]:
    """Yields lists of patches, as AWS gives them for a node."""
    packages = _packages(random)
    days = [1_700_000_000 + 86_400 * day for day in range(400)]
    states, weights = zip(*_STATES, strict=True)
    for _ in range(_LISTS):
        runs = random.sample(days, 40)
        yield [
            _in_state(package, random.choices(states, weights)[0], random.choice(runs), random)
            for package in random.sample(packages, ROWS_A_NODE)
        ]


def _in_state(patch: Patch, state: str, second: int, random: Random) -> Patch:
    is_missing = state == "Missing"
    return msgspec.structs.replace(
        patch,
        state=state,
        installed_time=float(second) if state.startswith("Installed") else None,
        cve_ids=f"CVE-2026-{random.randrange(1_000, 4_000)}" if is_missing and patch.severity else None,
    )


def _changed(patches: Sequence[Patch], random: Random) -> list[Patch]:
    """Returns the list with another state of so many patches."""
    chosen = set(random.sample(range(len(patches)), CHANGES_A_NODE))
    return [
        _in_state(patch, "Installed" if patch.state != "Installed" else "Missing", 1_750_000_000, random)
        if number in chosen
        else patch
        for number, patch in enumerate(patches)
    ]


def _target(number: int) -> Target:
    return Target(f"{100_000_000_000 + number // len(_REGIONS):012d}", _REGIONS[number % len(_REGIONS)], "an account")


def targets_of(nodes: int) -> list[Target]:
    """The targets of a scan of so many nodes, and some that are empty."""
    return [_target(number) for number in range(nodes // _NODES_A_TARGET + _OPEN_TARGETS)]


def _node(number: int, rows: PatchRows, ended_ms: int) -> NodeScan:
    # Nodes of 64 targets arrive mixed, as 64 targets are read side by side.
    block, place = divmod(number, _OPEN_TARGETS * _NODES_A_TARGET)
    instance_id = f"i-{number:017x}"
    return NodeScan(
        target=_target(block * _OPEN_TARGETS + place % _OPEN_TARGETS),
        node=ManagedNode(
            instance_id,
            platform_type="Linux",
            platform_name="Amazon Linux",
            platform_version="2023",
            computer_name=f"ip-10-{number >> 16 & 255}-{number >> 8 & 255}-{number & 255}.internal",
            ip_address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            agent_version="3.3.1611.0",
            ping_status="Online",
            last_ping_time=ended_ms,
        ),
        state=PatchState(
            instance_id,
            snapshot_id=f"{number:08x}-0000-4000-8000-000000000000",
            baseline_id="pb-0123456789abcdef0",
            operation="Scan",
            operation_end_time=ended_ms - number % DAY_MS,
            missing_count=30,
        ),
        status=NodeStatus.VERIFIED if number % 50 else NodeStatus.NO_PATCH_DATA,
        reason=None,
        patches=rows if number % 50 else patch_rows_of([]),
        pages=5,
        restarts=0,
        scanned_at=ended_ms,
    )


async def write_scan(files: Files, lists: Sequence[PatchRows], nodes: int, started_ms: int) -> float:
    """Writes a scan; returns the CPU seconds of its commit."""
    scan_id = Store.new_scan_id(started_ms)
    scan = OpenScan(files, ScanNames(scan_id))
    await scan.begin(ScanHeader(scan_id, started_ms, "benchmark", request_of(Settings())))
    for first in range(0, nodes, NODES_A_SEGMENT):
        numbers = range(first, min(first + NODES_A_SEGMENT, nodes))
        scans = [_node(number, lists[number % len(lists)], started_ms) for number in numbers]
        await scan.add_segment(segment_table(scan_id, scans))
    targets = targets_of(nodes)
    begun = time.process_time()
    await scan.commit(
        scan_row_of(scan_id, started_ms, len(targets)), [_outcome(target, started_ms) for target in targets]
    )
    return time.process_time() - begun


def scan_row_of(scan_id: str, started_ms: int, targets: int) -> ScanRow:
    """The `scans` row of a scan that is made, not read."""
    return ScanRow(
        scan_id=scan_id,
        status=ScanStatus.COMPLETE,
        started_at=started_ms,
        finished_at=started_ms + 600_000,
        mode="full",
        states=(),
        scope=Scope("organization", "enabled"),
        nodes={},
        targets={"scanned": targets},
        patch_rows=0,
        requests=0,
        throttles=0,
        version="benchmark",
    )


def _outcome(target: Target, started_ms: int) -> TargetOutcome:
    return TargetOutcome(target, TargetStatus.SCANNED, None, 50, 12_500, 300, 0, 0, started_ms, started_ms + 600_000)


async def write_big_store(files: Files, nodes: int = NODES) -> float:
    """Writes the two scans; returns the CPU seconds of the second commit."""
    pa.set_memory_pool(pa.system_memory_pool())
    random = Random(20261125)
    before = list(_lists(random))
    after = [_changed(patches, random) for patches in before]
    await write_scan(files, [patch_rows_of(patches) for patches in before], nodes, STARTED_MS)
    return await write_scan(files, [patch_rows_of(patches) for patches in after], nodes, STARTED_MS + DAY_MS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.big_store", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=NODES, help="of each scan  [default: %(default)s]")
    given = parser.parse_args()
    commit_s = anyio.run(write_big_store, LocalFiles(given.folder), given.nodes)
    sys.stdout.write(f"{commit_s}\n")


if __name__ == "__main__":
    main()
