"""What a scan's outcomes add up to: its row, its status and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from scanner.core.model import EpochMs, Mode, NodeStatus, ScanRow, ScanStatus, Scope, TargetOutcome, TargetStatus

ALL_ENABLED = "enabled"
"""The `regions` of a scope that asks for what is enabled, so that a disabled Region is no gap."""


def scan_row(
    *,
    scan_id: str,
    started_at: EpochMs,
    finished_at: EpochMs,
    mode: Mode,
    states: Sequence[str],
    scope: Scope,
    version: str,
    outcomes: Iterable[TargetOutcome],
    nodes: Mapping[str, int] | Mapping[NodeStatus, int],
) -> ScanRow:
    """The `scans` row of these outcomes; `nodes` counts the nodes of the whole scan by status."""
    outcomes = list(outcomes)
    by_status = {NodeStatus(status): count for status, count in nodes.items()}
    targets = Counter(outcome.status for outcome in outcomes)
    return ScanRow(
        scan_id=scan_id,
        status=scan_status(scope, targets, by_status),
        started_at=started_at,
        finished_at=finished_at,
        mode=mode,
        states=tuple(states),
        scope=scope,
        nodes={status.value: by_status.get(status, 0) for status in NodeStatus},
        targets={status.value: targets.get(status, 0) for status in TargetStatus},
        patch_rows=sum(outcome.patch_rows for outcome in outcomes),
        requests=sum(outcome.requests for outcome in outcomes),
        throttles=sum(outcome.throttles for outcome in outcomes),
        version=version,
    )


def scan_status(scope: Scope, targets: Mapping[TargetStatus, int], nodes: Mapping[NodeStatus, int]) -> ScanStatus:
    """`failed`: nothing could be read. `complete`: nothing is missing; a fleet without nodes is complete.

    A Region that is not usable is no gap where the scope asks for the enabled ones.
    """
    found = sum(nodes.values())
    delivered = sum(count for status, count in nodes.items() if status.is_delivered)
    readable = bool(targets.get(TargetStatus.SCANNED))
    if not delivered and (found or not readable):
        return ScanStatus.FAILED
    whole_targets = readable and not gaps_of_targets(targets, scope)
    whole_nodes = all(status.is_complete for status, count in nodes.items() if count)
    return ScanStatus.COMPLETE if whole_targets and whole_nodes else ScanStatus.PARTIAL


def exit_code(scan: ScanRow, sink_failures: Mapping[str, str]) -> int:
    """0 complete, 1 failed, 3 partial or a sink that did not get its data."""
    if scan.status is ScanStatus.FAILED:
        return 1
    return 3 if sink_failures or scan.status is ScanStatus.PARTIAL else 0


def is_gap(status: TargetStatus, scope: Scope) -> bool:
    """Whether a target that ended so keeps the scan from being complete."""
    return status is not TargetStatus.SCANNED and (status is not TargetStatus.DISABLED or scope.regions != ALL_ENABLED)


def gaps_of_targets(targets: Mapping[TargetStatus, int] | Mapping[str, int], scope: Scope) -> int:
    """How many of the targets, counted by status, keep the scan from being complete."""
    return sum(count for status, count in targets.items() if is_gap(TargetStatus(status), scope))
