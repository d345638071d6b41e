"""What each machine of a scan is to a CVE: one of four answers, never "not affected" without evidence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.model import EpochMs, NodeStatus, ScanRow, Target
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES, PENDING_REBOOT
from scanner.reports.cve_sql import COUNTS, NOT_ASKED, with_feeds
from scanner.reports.cve_unknown import UNKNOWN_SENTENCES, Finding
from scanner.reports.lines import counted
from scanner.reports.machines import machines_sentence
from scanner.reports.not_asked import not_asked_lines
from scanner.reports.sql.query import Parameters, Views
from scanner.reports.staleness import stale_parameters
from scanner.reports.statuses import VERIFIED, values

_CVE_ID = re.compile(r"CVE-\d{4}-\d{4,19}")
_PARAMETER = re.compile(r"\$([a-z_]+)")
_ANSWERS = (Finding.LACKS_FIX, Finding.PENDING_REBOOT, Finding.HAS_FIX, Finding.NOT_AFFECTED)
_BY_FEED = "by feed, not by AWS"
#: Baselines of these systems approve at once and have no delay. Source: SSM API, PatchRule.ApproveAfterDays.
_WITHOUT_DELAY = ("DEBIAN", "RASPBIAN", "UBUNTU")
#: All severities of a vendor, in lower case: a baseline that lists all of one approves patches of every severity.
_SEVERITY_SCALES = (
    "critical,important,medium,low",
    "critical,important,moderate,low",
    "required,important,standard,optional,extra",
)


class CveQuestion(Struct, frozen=True):
    """A CVE, and what the user knows of it.

    `published` is the day on which it became public, `severity` the vendor's word for it. `now` is the time for which
    the answer is given; data older than `stale_after_days` then is no evidence.
    """

    cve_id: str
    now: EpochMs
    stale_after_days: int = 7
    published: date | None = None
    severity: str | None = None
    feeds: tuple[str, ...] = ()  # A sentence for each feed whose verdicts are in the views


class CveCoverage(Struct, frozen=True):
    """Machines by status, and by what the scan knows of them and a CVE; targets that were not read.

    `unknown` counts the machines without an answer by reason: a `NodeStatus`, a `StaleReason` or a `Finding`.
    """

    machines: dict[str, int]
    lacking: int
    accounts: int  # Of the machines that lack the fix
    pending_reboot: int
    not_affected: int
    unknown: dict[str, int]
    unread_targets: int = 0
    not_asked: tuple[str, ...] = ()  # A sentence for each source that may know of more machines
    has_fix: int = 0  # By feed
    by_feed: int = 0  # Of the machines with an answer, those that a feed decides and AWS does not
    feeds: tuple[str, ...] = ()
    unread_states: tuple[str, ...] = ()  # States of lacking patches that the scan's filter leaves out

    @property
    def covers_all_nodes(self) -> bool:
        """Returns whether there is an answer for every machine in scope."""
        return not self.unknown and not self.unread_targets and not self.unread_states


def cve_id_of(text: str) -> str:
    """Returns the id as AWS writes it.

    Raises:
        ConfigError: The text is not a CVE id.
    """
    cve_id = text.strip().upper()
    if not _CVE_ID.fullmatch(cve_id):
        raise ConfigError(f"{text!r} is not a CVE id (expected CVE-2026-12345)")
    return cve_id


def published_on(text: str) -> date:
    """Returns the day that a CVE was published on.

    Raises:
        ConfigError: The text is not a date.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(f"--published: {text!r} is not a date (expected YYYY-MM-DD)") from error


def check_filters(scan_id: str, patches: PatchFilters) -> None:
    """Refuses a scan whose filters leave out patches that may hold a fix.

    Raises:
        ConfigError: The filters leave out patches that nodes lack.
    """
    narrowed = {
        "states": patches.states if not {"MISSING", "FAILED"} <= {*patches.states} else (),
        "severities": patches.severities,
        "classifications": patches.classifications,
        "kb_ids": patches.kb_ids,
    }
    for name, wanted in narrowed.items():
        if wanted:
            raise ConfigError(
                f"scan {scan_id} holds only patches of the {name.replace('_', ' ')} {', '.join(wanted)}, so it does "
                f"not show which nodes lack a fix; scan without patches.{name}, or name another scan with --scan"
            )


def parameters(sql: str, question: CveQuestion, scan: ScanRow, of_group: Parameters | None = None) -> Parameters:
    """Returns the parameters that a SELECT of `cve_sql` names, for one scan of the open views.

    `of_group` holds those of a grouping.
    """
    known: dict[str, str | int | float | bool | list[str] | None] = {
        **(of_group or {}),
        **stale_parameters(question.now, question.stale_after_days),
        **{finding.value: finding.value for finding in Finding},
        "published": question.published.isoformat() if question.published else None,
        "severity": question.severity.lower() if question.severity else None,
        "scan_id": scan.scan_id,
        "read_at": scan.finished_at,
        "pending_state": PENDING_REBOOT,
        "without_delay": list(_WITHOUT_DELAY),
        "severity_scales": list(_SEVERITY_SCALES),
        "verified": values(VERIFIED),
        "gone": NodeStatus.GONE.value,
        "unknown": "unknown",
        "by_feed": _BY_FEED,
        "answers": [finding.value for finding in _ANSWERS],
        "findings": list(UNKNOWN_SENTENCES),
        "sentences": list(UNKNOWN_SENTENCES.values()),
    }
    return {name: known[name] for name in _PARAMETER.findall(sql)}


async def cve_coverage(views: Views, scan: ScanRow, question: CveQuestion) -> CveCoverage:
    """Counts the machines of a scan by what is known of them; `views` have what `add_patches` adds."""
    counts = with_feeds(COUNTS) if question.feeds else COUNTS
    rows = (await views.fetch(counts, parameters(counts, question, scan))).to_pylist()
    refused = (await views.fetch(NOT_ASKED, parameters(NOT_ASKED, question, scan))).to_pylist()
    by_finding = _totals((row["finding"], row["machines"]) for row in rows)
    left_out = [state for state in LACKING_STATES if scan.states and state not in scan.states]
    return CveCoverage(
        machines=_totals((row["status"], row["machines"]) for row in rows),
        lacking=by_finding.get(Finding.LACKS_FIX, 0),
        accounts=len({row["account_id"] for row in rows if row["finding"] == Finding.LACKS_FIX}),
        pending_reboot=by_finding.get(Finding.PENDING_REBOOT, 0),
        not_affected=by_finding.get(Finding.NOT_AFFECTED, 0),
        unknown={finding: count for finding, count in by_finding.items() if finding not in _ANSWERS},
        has_fix=by_finding.get(Finding.HAS_FIX, 0),
        by_feed=sum(row["machines"] for row in rows if row["by_feed"]),
        feeds=question.feeds,
        unread_targets=scan.scope.count_gaps(scan.targets),
        not_asked=tuple(
            not_asked_lines((Target(row["account_id"], row["region"]), row["not_asked"]) for row in refused)
        ),
        unread_states=tuple(left_out),
    )


def _totals(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Returns the sums by name, the largest first."""
    totals: Counter[str] = Counter()
    for name, count in counts:
        totals[name] += count
    return dict(totals.most_common())


def sentences(coverage: CveCoverage, cve_id: str, scan_id: str) -> Iterator[str]:
    """Yields the machines of the scan, the answer for people, then each group of machines without one."""
    yield machines_sentence(coverage.machines)
    yield f"{cve_id}: {_answer(coverage)} (scan {scan_id})"
    if coverage.feeds:
        yield f"{counted(coverage.by_feed, 'machine')} {_BY_FEED}: {', '.join(coverage.feeds)}"
    yield from _unknown(coverage.unknown)
    if coverage.unread_targets:
        yield f"Unknown for {counted(coverage.unread_targets, 'target')}: not read"
    yield from coverage.not_asked
    if coverage.unread_states:
        yield f"Unknown for patches in {', '.join(coverage.unread_states)}: left out by the scan's --states filter"


def _answer(coverage: CveCoverage) -> str:
    if coverage.lacking:
        where = f"{counted(coverage.lacking, 'machine')} in {counted(coverage.accounts, 'account')}"
        lacking = f"{where} {'lacks' if coverage.lacking == 1 else 'lack'} the fix"
    else:
        lacking = "no machine is known to lack the fix"
    affected = "is" if coverage.not_affected == 1 else "are"
    fixed = f"{coverage.has_fix:,} {'has' if coverage.has_fix == 1 else 'have'} it; " if coverage.feeds else ""
    return (
        f"{lacking}; {coverage.pending_reboot:,} installed, pending reboot; {fixed}"
        f"{coverage.not_affected:,} {affected} not affected as far as AWS tells"
    )


def _unknown(reasons: Mapping[str, int]) -> Iterator[str]:
    for reason, count in reasons.items():
        yield f"Unknown for {counted(count, 'machine')}: {UNKNOWN_SENTENCES.get(reason, reason)}"
