"""Sorts findings into violated, unknown and waived while they stream by, and counts each by rule and by group."""

from __future__ import annotations

from collections import Counter, defaultdict

from scanner.reports.check.finding import Finding, Outcome
from scanner.reports.check.policy import Rule
from scanner.reports.check.result import GroupCounts, WaivedFinding
from scanner.reports.check.waiver_index import WaiverIndex

#: Findings that are kept to be listed, about 100 MB; further ones are counted.
MOST_LISTED = 100_000


class Tally:
    """The findings of a check so far."""

    def __init__(self, waivers: WaiverIndex, most_listed: int = MOST_LISTED) -> None:
        self.findings: list[Finding] = []
        self.waived: list[WaivedFinding] = []
        self._waivers = waivers
        self._most_listed = most_listed
        self._counts: dict[Rule, Counter[str]] = defaultdict(Counter)
        self._groups: dict[str | None, GroupCounts] = {}

    def add(self, finding: Finding) -> None:
        """Counts a finding, and keeps it to be listed while there is room."""
        waiver = self._waivers.waiver_of(finding)
        name = finding.outcome.value if waiver is None else "waived"
        self._counts[finding.rule][name] += 1
        group = self._groups.setdefault(finding.group, GroupCounts(finding.group))
        setattr(group, name, getattr(group, name) + 1)
        if len(self.findings) + len(self.waived) >= self._most_listed:
            return
        if waiver is None:
            self.findings.append(finding)
        else:
            self.waived.append(WaivedFinding(finding, waiver))

    def listed(self) -> tuple[Finding, ...]:
        """Returns the findings that are kept, violations first."""
        return tuple(sorted(self.findings, key=lambda finding: finding.outcome is not Outcome.VIOLATED))

    def violated(self, rule: Rule) -> int:
        """Returns how many findings violate the rule."""
        return self._counts[rule][Outcome.VIOLATED]

    def unknown(self, rule: Rule) -> int:
        """Returns how many findings leave the rule open."""
        return self._counts[rule][Outcome.UNKNOWN]

    def waived_count(self, rule: Rule) -> int:
        """Returns how many findings of the rule are waived."""
        return self._counts[rule]["waived"]

    @property
    def groups(self) -> tuple[GroupCounts, ...]:
        """Returns the counts by group, the most violations first."""
        return tuple(sorted(self._groups.values(), key=lambda each: (-each.violated, -each.unknown, each.value or "")))
