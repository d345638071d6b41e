"""Scans in a store on disk, for commands that read it."""

from __future__ import annotations

from functools import partial

import anyio

from scanner.core.baselines import ApprovalRule, Baseline
from scanner.core.model import (
    ManagedNode,
    NodeScan,
    NodeStatus,
    PatchState,
    Scope,
    Target,
    TargetOutcome,
    TargetStatus,
)
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.scan_request import ScanRequest
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.reports.scan_row import ScanIdentity, scan_row
from scanner.store.manifest import ScanHeader
from scanner.store.store import Store
from tests.store.samples import opened

AT = 1_795_381_571_000
TARGET = Target("111122223333", "eu-west-1", "payments")
OLD, NEW, UNFINISHED = "20261120T020000Z-aaaaaa", "20261121T020000Z-bbbbbb", "20261122T020000Z-cccccc"
APPROVES_ALL = Baseline("pb-1", rules=(ApprovalRule(approve_after_days=0),))

CVE = "CVE-2026-12345"


def store_two_scans_and_an_unfinished_one(folder, cve_ids: str = CVE, *, demo: bool = False) -> None:
    anyio.run(partial(_fill, Store(LocalFiles(str(folder))), cve_ids, demo=demo))


async def _fill(store: Store, cve_ids: str, *, demo: bool) -> None:
    for scan_id, states in ((OLD, ["INSTALLED"]), (NEW, ["INSTALLED", "MISSING", "MISSING"])):
        await _begin(store, scan_id, demo=demo)
        rows = [
            Patch(f"KB{n}", "=cmd()\x1b[2J", "Security", "Critical", s, AT / 1000, cve_ids)
            for n, s in enumerate(states)
        ]
        state = PatchState("i-0a", baseline_id="pb-1", operation_end_time=AT)
        node = NodeScan(TARGET, ManagedNode("i-0a"), state, NodeStatus.VERIFIED, None, patch_rows_of(rows), 1, 0, AT)
        await opened(store, scan_id).add_segment(segment_table(scan_id, [node]))
        outcome = TargetOutcome(
            TARGET, TargetStatus.SCANNED, None, 1, len(rows), 3, 0, 0, AT, AT + 90_000, (), (APPROVES_ALL,)
        )
        row = scan_row(
            ScanIdentity(
                scan_id, started_at=AT, mode="full", states=(), scope=Scope("current", "current"), version="0.1.0"
            ),
            finished_at=AT + 90_000,
            outcomes=[outcome],
            nodes={NodeStatus.VERIFIED: 1},
        )
        await opened(store, scan_id).commit(row, [outcome])
    await _begin(store, UNFINISHED, demo=demo)


async def _begin(store: Store, scan_id: str, *, demo: bool) -> None:
    await opened(store, scan_id).begin(ScanHeader(scan_id, AT, "0.1.0", ScanRequest(), demo))
