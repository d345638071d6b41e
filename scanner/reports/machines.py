"""Counts the machines of a scan in one sentence: what is known of them, and of how many nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil

from scanner.core.model import EpochMs, NodeStatus
from scanner.core.statistics import AlternatingBaselines
from scanner.reports.lines import counted
from scanner.reports.staleness import StaleReason
from scanner.reports.statuses import UNREAD, VERIFIED

DAY_MS = 24 * 60 * 60 * 1000

#: The words of the sentence in order, each with the statuses that it stands for. A machine that left is none any more.
_WORDS: tuple[tuple[str, tuple[NodeStatus, ...]], ...] = (
    ("verified", VERIFIED),
    ("unmanaged", (NodeStatus.UNMANAGED,)),
    ("stopped", (NodeStatus.STOPPED,)),
    ("managed by a service of AWS", (NodeStatus.SERVICE_MANAGED,)),
    ("scanned by an association", (NodeStatus.SUMMARY_ONLY,)),
    ("without patch data", (NodeStatus.NO_PATCH_DATA,)),
    ("mismatched", (NodeStatus.MISMATCHED,)),
    ("not read", UNREAD),
)

_STALE_WORDS = {
    StaleReason.SCAN_DID_NOT_RUN: "online without a recent patch scan",
    StaleReason.NODE_SILENT: "silent",
    StaleReason.NEVER_SCANNED: "never scanned",
    StaleReason.BASELINE_OVERRIDE: "perhaps scanned with a BaselineOverride",
    StaleReason.OLD_READING: "read too long ago",
}


def machines_sentence(nodes: Mapping[str, int] | Mapping[NodeStatus, int]) -> str:
    """Returns `494 machines: 460 verified, 21 unmanaged, 9 stopped, 4 not read.` of the nodes by status."""
    by_status = {NodeStatus(status): count for status, count in nodes.items()}
    groups = [(words, _total(by_status, statuses)) for words, statuses in _WORDS]
    listed = ", ".join(f"{count:,} {words}" for words, count in groups if count)
    total = counted(sum(count for _, count in groups), "machine")
    return f"{total}: {listed}." if listed else f"{total}."


def stale_sentence(stale: Mapping[StaleReason, int]) -> str:
    """Returns `Stale and therefore unknown: 9 online without a recent patch scan, 3 silent.` of nodes by reason."""
    listed = ", ".join(f"{stale[reason]:,} {words}" for reason, words in _STALE_WORDS.items() if stale.get(reason))
    return f"Stale and therefore unknown: {listed}."


def alternating_sentence(alternating: AlternatingBaselines) -> str | None:
    """Returns which machines alternate between patch baselines and what that means, or None if none does."""
    if not alternating.machines:
        return None
    more = alternating.machines - len(alternating.first)
    named = ", ".join(alternating.first) + (f" and {more:,} more" if more else "")
    return (
        f"The patch baseline of {counted(alternating.machines, 'machine')} alternates from scan to scan ({named}): "
        "schedules with different baselines overwrite each other's results, so the answer depends on which ran last."
    )


def refreshed_sentence(nodes: int, oldest_installed: EpochMs, now: EpochMs) -> str:
    """Returns `1,203 nodes: installed patches as of up to 6 days ago.` of the nodes that were only refreshed."""
    days = max(0, ceil((now - oldest_installed) / DAY_MS))
    return f"{counted(nodes, 'node')}: installed patches as of up to {counted(days, 'day')} ago."


def _total(by_status: Mapping[NodeStatus, int], statuses: Iterable[NodeStatus]) -> int:
    return sum(by_status.get(status, 0) for status in statuses)
