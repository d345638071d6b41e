"""What a scan ends with: its row, its gaps, the patches that are not installed, and what happened to its sinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from scanner.core.model import NodeScan, NodeStatus, ScanRow, Scope, Target, TargetOutcome
from scanner.reports.staleness import StaleReason

GAPS_KEPT = 8  # as many as a summary shows; the rest is one query away


class NodeGap(Struct, frozen=True):
    """A node that keeps the scan from being complete."""

    target: Target
    instance_id: str
    status: NodeStatus
    reason: str | None


class ScanResult(Struct, frozen=True):
    """A committed scan, as its summary, its log line and its exit code show it.

    `node_gaps` holds the first `GAPS_KEPT` only. `missing` and `failed` count patches by severity,
    `lacking_by_account` counts both together. `sink_failures` holds the reason for each sink that failed, by its label.
    `store` is the location as the user wrote it. `stale` counts verified nodes whose data is too old, by the
    reason for it.
    """

    scan: ScanRow
    outcomes: Sequence[TargetOutcome]
    node_gaps: Sequence[NodeGap]
    missing: Mapping[str, int]
    failed: Mapping[str, int]
    lacking_by_account: Mapping[str, int]
    sink_failures: Mapping[str, str]
    notes: Sequence[str]
    store: str
    elapsed_s: float = 0.0
    stale: Mapping[StaleReason, int] = {}


class GapObserver:
    """Keeps the first node gaps of a run for its result."""

    def __init__(self) -> None:
        self.gaps: list[NodeGap] = []
        self._scope = Scope("", "")

    def scan_opened(self, scope: Scope) -> None:
        """Keeps the scope, which decides which nodes are gaps."""
        self._scope = scope

    def target_opened(self, target: Target) -> None:
        """Ignores the event: an open target is no gap."""

    def nodes_found(self, target: Target, count: int) -> None:
        """Ignores the event: a listed node is no gap yet."""

    def node_ended(self, scan: NodeScan) -> None:
        """Keeps the node if it is a gap and one of the first."""
        if self._scope.is_node_gap(scan.status) and len(self.gaps) < GAPS_KEPT:
            self.gaps.append(NodeGap(scan.target, scan.node.instance_id, scan.status, scan.reason))

    def target_ended(self, outcome: TargetOutcome) -> None:
        """Ignores the event: the result has every outcome."""
