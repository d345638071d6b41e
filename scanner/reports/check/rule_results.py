"""Decides each rule from its counts: violated, met, or not to be told, which is never taken for met."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from scanner.reports.check.policy import Policy, Rule
from scanner.reports.check.result import RuleResult, Verdict
from scanner.reports.check.tally import Tally
from scanner.reports.lines import counted


class Gaps(Struct, frozen=True):
    """What a scan leaves open apart from its machines."""

    has_no_machines: bool = False  # a filter or a scope that matches nothing is no evidence of anything
    unread_targets: int = 0  # nobody knows how many machines are in them
    accounts_without_instances: int = 0  # EC2 was not asked there, so that unmanaged machines are not known
    unread_states: tuple[str, ...] = ()  # states of lacking patches that the scan's filter leaves out
    skipped_exploits: int = 0  # entries of the catalogue that cannot be read, whatever they name


def rule_results(policy: Policy, tally: Tally, gaps: Gaps) -> tuple[RuleResult, ...]:
    """Returns the results of the rules in force, and of those that machines without evidence leave open."""
    return tuple(_results(policy, tally, gaps))


def _results(policy: Policy, tally: Tally, gaps: Gaps) -> Iterator[RuleResult]:
    states = ", ".join(gaps.unread_states)
    left_out = (f"the scan's filter leaves out patches in the states {states}",) if states else ()
    if policy.max_age:
        limits = ", ".join(limit.text for limit in policy.max_age)
        yield _of_patches(Rule.MAX_AGE, tally, left_out, f"lacking for longer than {limits}")
    if policy.kev_due:
        skipped = gaps.skipped_exploits
        unread = (f"{counted(skipped, 'record')} of the catalogue cannot be read",) if skipped else ()
        yield _of_patches(
            Rule.KEV_DUE, tally, (*left_out, *unread), "past the due date of a known exploited vulnerability"
        )
    targets = (f"{counted(gaps.unread_targets, 'target')} not read",) if gaps.unread_targets else ()
    empty = ("the scan has no machine at all",) if gaps.has_no_machines else ()
    yield _of_machines(Rule.MAX_UNREAD, tally, policy.max_unread, (*targets, *empty), "without evidence")
    accounts = gaps.accounts_without_instances
    unasked = (f"EC2 was not asked in {counted(accounts, 'account')}",) if accounts else ()
    # Where nobody sets a limit, the sentence of the scan on what was not asked is enough.
    reasons = unasked if policy.max_unmanaged is not None else ()
    yield _of_machines(Rule.MAX_UNMANAGED, tally, policy.max_unmanaged, reasons, "unmanaged")


def _of_patches(rule: Rule, tally: Tally, reasons: tuple[str, ...], words: str) -> RuleResult:
    violated, unknown = tally.violated(rule), tally.unknown(rule)
    cannot_tell = (f"{unknown:,} cannot be told",) if unknown else ()
    is_open = bool(unknown or reasons)
    sentence = "; ".join((f"{violated:,} {words}", *cannot_tell, *reasons))
    verdict = Verdict.VIOLATED if violated else Verdict.UNKNOWN if is_open else Verdict.MET
    return RuleResult(rule, verdict, sentence, violated, unknown, tally.waived_count(rule), reasons)


def _of_machines(rule: Rule, tally: Tally, most: int | None, reasons: tuple[str, ...], words: str) -> RuleResult:
    count = tally.unknown(rule)
    limit = "no limit is set" if most is None else f"{most:,} allowed"
    sentence = "; ".join((f"{counted(count, 'machine')} {words}, {limit}", *reasons))
    verdict = Verdict.UNKNOWN if reasons or (most is None and count) else Verdict.MET
    if most is not None and count > most:
        verdict = Verdict.VIOLATED
    return RuleResult(rule, verdict, sentence, 0, count, tally.waived_count(rule), reasons)
