"""What a scan ends with: its row, its gaps, the patches that are not installed, and what happened to its sinks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from scanner.core.model import EpochMs, NodeStatus, ScanRow, Scope, Target, TargetOutcome
from scanner.core.statistics import AlternatingBaselines
from scanner.reports.gap_groups import Gap
from scanner.reports.group_counts import Groups
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
    reason for it. `node_gaps_by_cause` counts all node gaps. `groups` is None where the user did not ask
    for groups. `oldest_installed` is the earliest date of the installed patches of a refreshed node.
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
    alternating_baselines: AlternatingBaselines = AlternatingBaselines()
    groups: Groups | None = None
    node_gaps_by_cause: Mapping[str, int] = {}
    oldest_installed: EpochMs | None = None

    def gaps_by_cause(self) -> dict[str, int]:
        """Returns how many targets and nodes were not read or not verified, by cause, the most frequent first."""
        scope = self.scan.scope
        counts = Counter(
            Gap(each.target, each.status, each.reason).cause_text for each in self.outcomes if scope.is_gap(each.status)
        )
        counts.update(self.node_gaps_by_cause)
        return dict(counts.most_common())


class NodeGaps:
    """Counts the nodes that are gaps of this scope by their causes, and keeps the first ones."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.first: list[NodeGap] = []
        self.by_cause: Counter[str] = Counter()

    def add(self, gap: NodeGap) -> None:
        """Adds a gap."""
        self.by_cause[Gap(gap.target, gap.status, gap.reason, gap.instance_id).cause_text] += 1
        if len(self.first) < GAPS_KEPT:
            self.first.append(gap)
