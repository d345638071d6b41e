"""Small scans with awkward contents, to try a sink with."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from msgspec import Struct, structs

from scanner.core.baselines import ApprovalRule, Baseline
from scanner.core.instances import Instance
from scanner.core.interfaces import NodeBatch, ScanSummary
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
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.tables import TABLES, batch_of, segment_table, summary_of, target_file_table

_NOON_MS = 1_795_435_200_000  # 2026-11-23T12:00:00Z
_PARIS = Target("111122223333", "eu-west-3", "Paris")
_LEADING_ZEROS = Target("000000000042", "us-east-1")

_NOON_S = _NOON_MS / 1000

_KERNEL = Patch("kernel.x86_64", "kernel", "Security", "Important", "Installed", _NOON_S, "CVE-2024-2,CVE-2024-1")
_BASELINE = Baseline(
    "pb-1",
    "ours",
    "WINDOWS",
    owner="Self",
    is_default=True,
    rules=(
        ApprovalRule(("SecurityUpdates",), ("Critical",), 7, enable_non_security=False),
        ApprovalRule(("Tools",), (), None, "2026-01-31", enable_non_security=False),
    ),
    rejected_patches=("KB1", "KB2"),
    modified_at=_NOON_MS,
    nodes=1,
)
_LITTLE_KNOWN = Baseline("pb-2", is_default=False, rules=(ApprovalRule(),))  # of which AWS says little
_PATCHES = (
    _KERNEL,
    _KERNEL,  # one row a kernel that is installed: the same row twice means two
    Patch("KB5043064", None, None, None, "Missing", None),
    Patch(
        "KB1", 'Überprüfung, "更新" 🛡 <b>&', "Critical Updates", "Critical", "InstalledOther", _NOON_S + 0.001, "CVE-1"
    ),
    Patch("KB2", "  spaces and \\ slashes  ", "SecurityUpdates", "Unspecified", "FutureState", 1.0),
)


class SampleScan(Struct, frozen=True):
    """What a sink is sent, and what has to stand there in the end."""

    batches: Sequence[NodeBatch]
    summary: ScanSummary

    @property
    def tables(self) -> dict[str, pa.Table]:
        """Returns the rows of every table."""
        return {
            **{name: self._rows(name) for name in TABLES if name not in self.summary.tables()},
            **self.summary.tables(),
        }

    def _rows(self, name: str) -> pa.Table:
        return pa.concat_tables([TABLES[name].empty_table(), *(batch.tables()[name] for batch in self.batches)])


def awkward_scan(scan_id: str) -> SampleScan:
    """Returns two batches: nulls everywhere, other scripts, doubled rows, a node without rows, two nodes of one id."""
    first = [
        _node(
            _PARIS, "i-0a", _PATCHES, state=PatchState("i-0a", installed_count=2, missing_count=0, baseline_id="pb-1")
        ),
        _node(_PARIS, "mi-0b", (), status=NodeStatus.DENIED, reason="not authorized to perform: ssm:…"),
    ]
    second = [_node(_LEADING_ZEROS, "i-0a", _PATCHES[:1]), _node(_PARIS, "i-0c", _PATCHES[2:])]
    return _sample(scan_id, [first, second], [_PARIS, _LEADING_ZEROS])


def large_scan(scan_id: str) -> SampleScan:
    """Returns one node with ten thousand patches."""
    patches = [
        Patch(
            f"KB{number}", f"Update {number}", "Security", "Low", "Installed", _NOON_S + number / 1000, f"CVE-{number}"
        )
        for number in range(10_000)
    ]
    return _sample(scan_id, [[_node(_PARIS, "i-large", patches)]], [_PARIS])


def empty_scan(scan_id: str) -> SampleScan:
    """Returns a scan that found no node at all."""
    return _sample(scan_id, [], [_PARIS])


def _node(
    target: Target,
    instance_id: str,
    patches: Sequence[Patch],
    *,
    state: PatchState | None = None,
    status: NodeStatus = NodeStatus.VERIFIED,
    reason: str | None = None,
) -> NodeScan:
    node = ManagedNode(instance_id, platform_type="Linux", computer_name="höst-1.example", last_ping_time=_NOON_MS)
    rows = patch_rows_of(patches)
    scan = NodeScan(target, node, state, status, reason, rows, 1, 0, _NOON_MS + 2)
    if not instance_id.startswith("i-"):
        return scan
    instance = Instance(instance_id, "running", _NOON_MS, "ami-1")
    return structs.replace(scan, instance=instance, tags=(("Team", "=Zahlung\u202e"), ("empty", "")))


def _sample(scan_id: str, batches: Sequence[Sequence[NodeScan]], targets: Sequence[Target]) -> SampleScan:
    scans = [scan for batch in batches for scan in batch]
    outcomes = [
        TargetOutcome(
            target,
            TargetStatus.SCANNED,
            None,
            nodes=sum(scan.target == target for scan in scans),
            patch_rows=sum(len(scan.patches) for scan in scans if scan.target == target),
            requests=3,
            throttles=1,
            retries=0,
            started_at=_NOON_MS,
            finished_at=None,
            not_asked=("ssm:GetInventory is denied",),
            baselines=(_BASELINE, _LITTLE_KNOWN),
        )
        for target in targets
    ]
    row = ScanRow(
        scan_id,
        ScanStatus.COMPLETE,
        started_at=_NOON_MS,
        finished_at=_NOON_MS + 60_000,
        mode="full",
        states=("INSTALLED", "MISSING"),
        scope=Scope("organization", "enabled"),
        nodes={NodeStatus.VERIFIED: len(scans)},
        targets={TargetStatus.SCANNED: len(targets)},
        patch_rows=sum(len(scan.patches) for scan in scans),
        requests=3 * len(targets),
        throttles=len(targets),
        version="1.0",
    )
    summary = summary_of(row, target_file_table(scan_id, outcomes))
    return SampleScan([batch_of(segment_table(scan_id, batch)) for batch in batches], summary)
