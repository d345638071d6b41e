"""The words that several forms of a check share."""

from __future__ import annotations

from datetime import UTC, datetime

from scanner.core.model import EpochMs
from scanner.reports.check.finding import Finding
from scanner.reports.check.policy import Policy, Rule
from scanner.reports.check.result import CheckResult, Verdict, WaivedFinding

VERDICTS = {
    Verdict.MET: "The policy is met",
    Verdict.VIOLATED: "The policy is violated",
    Verdict.UNKNOWN: "Whether the policy is met cannot be told",
}
_CLOCKS = {
    "patch": "first seen lacking by the scans of this store, this version of the patch",
    "package": "first seen lacking by the scans of this store, the package in any version",
}
RULE_TITLES = {
    Rule.MAX_AGE: "Age of missing patches",
    Rule.KEV_DUE: "Known exploited vulnerabilities by their due dates",
    Rule.MAX_UNREAD: "Machines without evidence",
    Rule.MAX_UNMANAGED: "Unmanaged machines",
}


def verdict_sentence(result: CheckResult) -> str:
    """Returns `The policy is violated (scan …).`."""
    return f"{VERDICTS[result.verdict]} (scan {result.scan_id})."


def clock_sentence(policy: Policy) -> str | None:
    """Returns which clock the ages are of, None where no age is checked."""
    return f"Ages are counted since a patch was {_CLOCKS[policy.clock]}." if policy.max_age else None


def moment(at: EpochMs) -> str:
    """Returns the time in UTC, ISO 8601, to the second."""
    return datetime.fromtimestamp(at // 1000, UTC).isoformat().replace("+00:00", "Z")


def notes(result: CheckResult) -> list[str]:
    """Returns what has to be known beside the rules: feeds, clock, waivers that count as none."""
    lines = [*filter(None, [clock_sentence(result.policy)])]
    lines += [f"By feed: {feed}." for feed in result.feeds]
    lines += [
        f"Expired on {waiver.expires.isoformat()} and counts as none: {waiver.label}, {waiver.reason}"
        for waiver in result.expired_waivers
    ]
    lines += [f"Matches nothing: {waiver.label}, {waiver.reason}" for waiver in result.waivers_without_match]
    if result.unlisted > 0:
        lines.append(f"{result.unlisted:,} more findings are counted and not listed.")
    return lines


def waived_cells(waived: WaivedFinding) -> tuple[str, ...]:
    """Returns machine, patch, reason, approver and last day of a waived finding."""
    finding, waiver = waived.finding, waived.waiver
    return (finding.machine, patch_of(finding), waiver.reason, waiver.approver, waiver.expires.isoformat())


def patch_of(finding: Finding) -> str:
    """Returns the title of the patch, or its KB id, or nothing where the finding is about the machine."""
    return finding.title or finding.kb_id or ""
