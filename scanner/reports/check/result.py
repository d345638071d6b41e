"""The result of a check: one verdict for each rule and one for all, with the findings behind them."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from scanner.core.model import EpochMs
from scanner.reports.check.finding import Finding
from scanner.reports.check.policy import Policy, Rule
from scanner.reports.check.waivers import Waiver


class Verdict(StrEnum):
    """What a check says of a rule, or of a policy."""

    MET = "met"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


class RuleResult(Struct, frozen=True):
    """One rule with its counts of findings; `sentence` says what came of it, `open_reasons` why it cannot be told."""

    rule: Rule
    verdict: Verdict
    sentence: str
    violated: int = 0
    unknown: int = 0
    waived: int = 0
    open_reasons: tuple[str, ...] = ()


class GroupCounts(Struct):
    """The findings of one group of machines; `value` None stands for the machines without a value."""

    value: str | None
    violated: int = 0
    unknown: int = 0
    waived: int = 0


class WaivedFinding(Struct, frozen=True):
    """A finding that a waiver covers."""

    finding: Finding
    waiver: Waiver


class CheckResult(Struct, frozen=True):
    """A scan held against a policy. `findings` and `waived` are cut at a limit; the counts of the rules are not."""

    scan_id: str
    scan_finished_at: EpochMs
    checked_at: EpochMs
    policy: Policy
    rules: tuple[RuleResult, ...]
    findings: tuple[Finding, ...]
    waived: tuple[WaivedFinding, ...]
    expired_waivers: tuple[Waiver, ...] = ()
    waivers_without_match: tuple[Waiver, ...] = ()
    groups: tuple[GroupCounts, ...] = ()
    feeds: tuple[str, ...] = ()  # `KEV of 2026-11-24 (1,422 records)`
    machines: str = ""  # `494 machines: 460 verified, …`

    @property
    def verdict(self) -> Verdict:
        """Returns the worst of the rules: a violation stands, whatever else cannot be told."""
        verdicts = {each.verdict for each in self.rules}
        return next((each for each in (Verdict.VIOLATED, Verdict.UNKNOWN) if each in verdicts), Verdict.MET)

    @property
    def unlisted(self) -> int:
        """Returns how many findings are counted and not listed."""
        counted = sum(each.violated + each.unknown + each.waived for each in self.rules)
        return counted - len(self.findings) - len(self.waived)
