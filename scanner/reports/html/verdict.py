"""Words what a manager reads first: how many machines are compliant, and what to do about the others."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from scanner.core.model import ScanStatus
from scanner.reports.html.findings import Place, Report, Totals
from scanner.reports.html.wording import Tone, counts_shown, day, shows_lacking
from scanner.reports.lines import breakdown, counted, percent_of
from scanner.reports.staleness import DAY_MS

HOUR_MS = 3_600_000


class Verdict(Struct, frozen=True):
    """The state of the fleet in a sentence; `percent` is that of the compliant machines, None without any machine."""

    sentence: str
    tone: Tone
    percent: int | None = None


class Task(Struct, frozen=True):
    """Something to do: to how many of what, what, and the section that shows to which."""

    count: int
    noun: str
    text: str
    section: str
    tone: Tone


def verdict(report: Report) -> Verdict:
    """Returns the verdict. Every machine counts in one part of it only, and an unknown one never as compliant."""
    totals = report.findings.totals
    if report.scan.status is ScanStatus.FAILED:
        return Verdict("Nothing could be read, so nothing is known about patches.", "bad")
    unread = f"; {_unread(totals.target_gaps)}" if totals.target_gaps else ""
    if not totals.machines:
        return Verdict(f"No machine was found{unread}.", "warn")
    percent = percent_of(totals.compliant, totals.machines)
    rest = [f"{count:,} {one if count == 1 else many}" for count, one, many in _not_compliant(totals) if count]
    head = f"{totals.compliant:,} of {counted(totals.machines, 'machine')} ({percent} %) are compliant"
    sentence = f"{head}: {_listed(rest)}" if rest else head
    return Verdict(f"{sentence}{unread}.", _tone(report), percent)


def _not_compliant(totals: Totals) -> Iterator[tuple[int, str, str]]:
    """Yields the parts of the machines that are not compliant: how many, and what one or several of them are."""
    yield totals.critical_nodes, "lacks Critical patches", "lack Critical patches"
    yield totals.lacking_other, "lacks other patches", "lack other patches"
    # A rejected patch is installed, and a filter leaves patches out: then AWS's counts alone say so.
    rest = totals.machines - totals.compliant - totals.critical_nodes - totals.lacking_other - totals.unknown
    yield rest, "is not compliant by AWS's counts", "are not compliant by AWS's counts"
    yield totals.unknown, "is unknown", "are unknown"


def _unread(targets: int) -> str:
    verb = "was" if targets == 1 else "were"
    return f"{counted(targets, 'target')} {verb} not read, and may have more"


def _tone(report: Report) -> Tone:
    """Returns the colour of the verdict: the best one only where there is nothing to do."""
    totals, exploited = report.findings.totals, report.feeds.exploited
    is_late = totals.overdue_nodes or (exploited is not None and exploited.overdue_nodes)
    return "bad" if totals.critical_nodes or is_late else "warn" if tasks(report) else "sure"


def by_aws(totals: Totals) -> str | None:
    """Returns AWS's own figure, which knows only the machines that report, or None if AWS counts none."""
    if not totals.counted_by_aws:
        return None
    percent = percent_of(totals.compliant_by_aws, totals.counted_by_aws)
    return f"AWS counts {percent} % of the {counted(totals.counted_by_aws, 'node')} that report"


def span(limit_ms: int) -> str:
    """Returns `14 days`, or hours where it is no whole number of days."""
    days, rest = divmod(limit_ms, DAY_MS)
    return counted(limit_ms // HOUR_MS, "hour") if rest else counted(days, "day")


def tasks(report: Report) -> list[Task]:
    """Returns what to do, the most urgent first."""
    return [task for task in _tasks(report) if task.count]


def _tasks(report: Report) -> Iterator[Task]:
    totals, shown = report.findings.totals, counts_shown(report.scan)
    exploited = report.feeds.exploited
    if exploited is not None and shows_lacking(report.scan):
        text = "fix known exploited vulnerabilities whose due date has passed"
        yield Task(exploited.overdue_nodes, "machine", text, "exploited", "bad")
        rest = exploited.nodes - exploited.overdue_nodes
        yield Task(rest, "machine", "fix known exploited vulnerabilities before their due date", "exploited", "bad")
    if shown:
        yield Task(totals.overdue_nodes, "machine", _overdue(report), "places", "bad")
        yield Task(totals.critical_nodes, "machine", _critical(report), "places", "bad")
        other = totals.affected - totals.critical_nodes
        yield Task(other, "machine", "install what is missing or failed there, none of it Critical", "patches", "warn")
    yield Task(totals.pending_reboot, "machine", _reboots(report), "reboots", "warn")
    if "failed" in shown:
        text = f"find out why {_patches(totals.failed)} failed to install"
        yield Task(totals.failed_nodes, "machine", text, "nodes", "warn")
    text = "find out why AWS does not count them as compliant: a patch may be rejected, or was not asked for"
    yield Task(totals.unlisted, "machine", text, "places", "warn")
    yield Task(totals.unknown, "machine", f"find out what they lack: {_unknown(report)}", "machines", "warn")
    yield Task(totals.target_gaps, "target", "open accounts and Regions that could not be read", "gaps", "bad")


def _overdue(report: Report) -> str:
    limit = span(report.wanted.critical_limit_ms)
    return (
        f"overdue: install {_patches(report.findings.totals.overdue, 'Critical ')} not in effect for more than {limit}"
    )


def _critical(report: Report) -> str:
    totals = report.findings.totals
    text = f"install {_patches(totals.critical, 'Critical ')}"
    worst = [place for place in report.findings.accounts if place.critical][:2]
    if totals.accounts == 1 or not worst:
        return text
    return f"{text}; most are in {' and '.join(map(_named, worst))}"


def _named(place: Place) -> str:
    return f"{place.account_name or place.account_id} ({place.critical:,})"


def _reboots(report: Report) -> str:
    first = next((node for node in report.findings.reboots if node.pending_since is not None), None)
    since = "" if first is None else f", the first since {day(first.pending_since)}"
    return f"restart them: their patches take effect only then{since}"


def _unknown(report: Report) -> str:
    return breakdown({each.reason: each.machines for each in report.findings.unknown})


def _patches(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}{'patch' if count == 1 else 'patches'}"


def _listed(parts: list[str]) -> str:
    """Returns `a`, `a and b` or `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
