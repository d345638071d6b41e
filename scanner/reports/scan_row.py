"""Adds up the outcomes of a scan: its row, its status and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from scanner.core.model import EpochMs, Mode, NodeStatus, ScanRow, ScanStatus, Scope, TargetOutcome, TargetStatus


class ScanIdentity(Struct, frozen=True):
    """What is known of a scan before it ends; `states` is its State filter, `version` that of patchsweep."""

    scan_id: str
    started_at: EpochMs
    mode: Mode
    states: Sequence[str]
    scope: Scope
    version: str


def scan_row(
    scan: ScanIdentity,
    *,
    finished_at: EpochMs,
    outcomes: Iterable[TargetOutcome],
    nodes: Mapping[str, int] | Mapping[NodeStatus, int],
) -> ScanRow:
    """Returns the `scans` row of these outcomes; `nodes` counts the nodes of the whole scan by status."""
    outcomes = list(outcomes)
    by_status = {NodeStatus(status): count for status, count in nodes.items()}
    targets = Counter(outcome.status for outcome in outcomes)
    return ScanRow(
        scan_id=scan.scan_id,
        status=scan_status(scan.scope, targets, by_status),
        started_at=scan.started_at,
        finished_at=finished_at,
        mode=scan.mode,
        states=tuple(scan.states),
        scope=scan.scope,
        nodes={status.value: by_status.get(status, 0) for status in NodeStatus},
        targets={status.value: targets.get(status, 0) for status in TargetStatus},
        patch_rows=sum(outcome.patch_rows for outcome in outcomes),
        requests=sum(outcome.requests for outcome in outcomes),
        throttles=sum(outcome.throttles for outcome in outcomes),
        version=scan.version,
    )


def scan_status(scope: Scope, targets: Mapping[TargetStatus, int], nodes: Mapping[NodeStatus, int]) -> ScanStatus:
    """Returns `failed` where nothing could be read, `complete` where nothing is missing, else `partial`.

    A fleet without nodes is complete. What counts as missing is `Scope.is_gap` and `Scope.is_node_gap`.
    """
    listed = sum(nodes.values())
    delivered = sum(count for status, count in nodes.items() if status.is_delivered)
    readable = bool(targets.get(TargetStatus.SCANNED))
    if not delivered and (listed or not readable):
        return ScanStatus.FAILED
    whole_targets = readable and not scope.count_gaps(targets)
    return ScanStatus.COMPLETE if whole_targets and not scope.count_node_gaps(nodes) else ScanStatus.PARTIAL
