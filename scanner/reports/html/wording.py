"""What a report says of a scan beside its numbers: what each status means, what was left out and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

from scanner.core.model import EpochMs, NodeStatus, ScanRow, ScanStatus, TargetStatus
from scanner.core.state_names import LACKING_STATES
from scanner.reports.html.findings import Ages, Report
from scanner.reports.lines import counted, duration
from scanner.reports.statuses import VERIFIED

Tone = Literal["sure", "dim", "warn", "bad"]

_EPOCH = datetime.fromtimestamp(0, UTC)
_NODES: dict[NodeStatus, tuple[Tone, str]] = {
    NodeStatus.VERIFIED: ("sure", "read, and the rows agree with AWS's own counts"),
    NodeStatus.UNCHANGED: ("sure", "unchanged since an earlier scan: no patching operation has ended on it since then"),
    NodeStatus.REFRESHED: (
        "sure",
        "what is lacking was read, what is installed was carried over from an earlier scan",
    ),
    NodeStatus.SUMMARY_ONLY: ("dim", "scanned by an association that reports counts and no list of patches"),
    NodeStatus.STOPPED: ("dim", "its instance is stopped"),
    NodeStatus.UNMANAGED: ("warn", "an EC2 instance that Systems Manager does not manage"),
    NodeStatus.SERVICE_MANAGED: ("dim", "a service of AWS patches it"),
    NodeStatus.NO_PATCH_DATA: ("dim", "AWS has no patch data for it, so its missing patches are unknown"),
    NodeStatus.GONE: ("dim", "left while the scan ran"),
    NodeStatus.MISMATCHED: (
        "warn",
        "read, but the rows do not agree with AWS's own counts, or some are not understood",
    ),
    NodeStatus.DENIED: ("bad", "a policy hides its patches"),
    NodeStatus.FAILED: ("bad", "could not be read"),
    NodeStatus.UNFINISHED: ("bad", "the scan ended before it was read"),
}
_TARGETS: dict[TargetStatus, tuple[Tone, str]] = {
    TargetStatus.SCANNED: ("sure", "its nodes were listed to the end"),
    TargetStatus.DISABLED: ("dim", "the Region is not enabled, or a service control policy forbids it"),
    TargetStatus.DENIED: ("bad", "listing its nodes is not permitted, so their number is unknown"),
    TargetStatus.FAILED: ("bad", "the listing was interrupted, so it may have more nodes than were listed"),
    TargetStatus.UNFINISHED: ("bad", "left the scope before the scan was resumed"),
}


class Part(Struct, frozen=True):
    """A part of a whole, with what it means and how it looks."""

    name: str
    count: int
    tone: Tone
    meaning: str = ""


def counts_shown(scan: ScanRow) -> dict[str, str]:
    """Returns the counts that the scan has, with their headings; states that were not asked for have none."""
    asked = {"missing": "MISSING", "failed": "FAILED"}
    return {name: name.capitalize() for name, state in asked.items() if not scan.states or state in scan.states}


def sections(report: Report) -> dict[str, str]:
    """Returns the sections in their order; a scan that read nothing has only those about coverage."""
    scan, groups = report.scan, report.findings.groups
    coverage = {"coverage": "What was covered", "gaps": "What was not read or not verified"}
    if scan.status is ScanStatus.FAILED:
        return coverage
    counts = counts_shown(scan)
    words = " and ".join(counts)
    return {
        "first": "What to do first",
        **({"trend": "Change and trend"} if report.wanted.trend.changes else {}),
        **({"groups": f"By {groups.name}"} if groups else {}),
        "places": "By account and Region",
        **({"severities": f"{words.capitalize()} patches by severity"} if counts else {}),
        **({"patched": "Time to patch by severity"} if report.wanted.trend.patched else {}),
        **({"exploited": "Known exploited vulnerabilities"} if report.feeds.exploited and shows_lacking(scan) else {}),
        **({"cves": "CVEs affecting most nodes"} if shows_lacking(scan) else {}),
        **({"patches": f"Patches {words} on most nodes"} if counts else {}),
        "systems": "By operating system",
        **({"nodes": "Nodes with most missing patches"} if counts else {}),
        "reboots": "Nodes pending reboot",
        **coverage,
        "machines": "Machines that are not covered",
        "age": "How old the patch data is",
        "baselines": "Patch baselines",
    }


def shows_lacking(scan: ScanRow) -> bool:
    """Returns whether patches were read that are not in effect."""
    return not scan.states or any(state in scan.states for state in LACKING_STATES)


def verified(scan: ScanRow) -> int:
    """Returns the number of nodes whose rows agree with AWS's counts, read now or carried over."""
    return sum(scan.nodes.get(status, 0) for status in VERIFIED)


def targets_by_status(scan: ScanRow) -> list[Part]:
    """Returns the numbers of targets by status, with what each status means."""
    return _parts(_TARGETS, scan.targets)


def nodes_by_status(scan: ScanRow) -> list[Part]:
    """Returns the numbers of nodes by status, with what each status means."""
    return _parts(_NODES, scan.nodes)


def _parts(
    table: Mapping[NodeStatus, tuple[Tone, str]] | Mapping[TargetStatus, tuple[Tone, str]], counts: Mapping[str, int]
) -> list[Part]:
    return [
        Part(status.replace("_", " "), counts[status], tone, meaning)
        for status, (tone, meaning) in table.items()
        if counts.get(status)
    ]


def nodes_by_age(ages: Ages) -> list[Part]:
    """Returns every age, the youngest first."""
    return [
        Part("less than 1 day", ages.day, "sure"),
        Part("1 to 7 days", ages.week, "sure"),
        Part("8 to 30 days", ages.month, "warn"),
        Part("more than 30 days", ages.older, "bad"),
        Part("never", ages.never, "bad", "AWS knows of no patching operation that ended on the node"),
        *([Part("not known", ages.unread, "dim", "the node was not read")] if ages.unread else []),
    ]


def restrictions(report: Report) -> Iterator[str]:
    """Yields what the numbers leave out because of the scan's filters."""
    filters, scope = report.filters, report.scan.scope
    of_patches = {
        "in the states": report.scan.states or filters.states,
        "of the severities": filters.severities,
        "of the classifications": filters.classifications,
        "with the KB ids": filters.kb_ids,
    }
    for words, values in of_patches.items():
        if values:
            yield f"Only patches {words} {', '.join(values)} were asked for."
    for name, values in scope.node_filters.items():
        yield f"Only nodes whose {name} is {' or '.join(values)} were asked for."


def facts(report: Report) -> dict[str, str]:
    """Returns what was asked for and what it took."""
    scan, scope = report.scan, report.scan.scope
    calls = f"{counted(scan.requests, 'call')}, {scan.throttles:,} throttled"
    return {
        "Scan": f"{scan.scan_id}, {scan.mode} mode, by patchsweep {scan.version}",
        "Time": f"{time(scan.started_at)} to {time(scan.finished_at)}",
        "Accounts": scope.accounts,
        **({"Units": ", ".join(scope.ous)} if scope.ous else {}),
        "Regions": scope.regions,
        "Left out": ", ".join([*scope.excluded_accounts, *scope.excluded_ous, *scope.excluded_regions]) or "nothing",
        "Filters": " ".join(restrictions(report)) or "none",
        "Read": f"{counted(scan.patch_rows, 'patch row')} in {calls}",
    }


def date(at: EpochMs) -> str:
    """Returns `25 November 2026`."""
    return f"{_moment(at).day} {_moment(at):%B %Y}"


def day(at: EpochMs | None) -> str | None:
    """Returns `25 Nov 2026`."""
    return at if at is None else f"{_moment(at).day} {_moment(at):%b %Y}"


def time(at: EpochMs) -> str:
    """Returns `25 Nov 2026, 07:45 UTC`."""
    return f"{_moment(at).day} {_moment(at):%b %Y, %H:%M} UTC"


def _moment(at: EpochMs) -> datetime:
    return _EPOCH + timedelta(milliseconds=at)


def took(scan: ScanRow) -> str:
    """Returns how long the scan took, from its beginning to its end."""
    return duration((scan.finished_at - scan.started_at) / 1000)
