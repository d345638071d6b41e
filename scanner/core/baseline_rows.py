"""Sums up the rules of a patch baseline in the columns of the `baselines` table."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scanner.core.baselines import ApprovalRule, Baseline

_LEVELS = ("UNSPECIFIED", "INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")  # lowest first


def baseline_row(baseline: Baseline) -> dict[str, object]:
    """Returns the values of the columns of a baseline, by name; a time is in epoch milliseconds.

    A rule without classifications or severities approves all of them, which the empty list says: so the columns are
    empty as soon as one rule is.
    """
    rules = baseline.rules
    days = [rule.approve_after_days for rule in rules if rule.approve_after_days is not None]
    dates = [rule.approve_until_date for rule in rules if rule.approve_until_date]
    levels = [rule.compliance_level for rule in rules if rule.compliance_level]
    return {
        "baseline_id": baseline.baseline_id,
        "name": baseline.name,
        "operating_system": baseline.operating_system,
        "owner": baseline.owner,
        "approve_after_days_min": min(days, default=None),
        "approve_after_days_max": max(days, default=None),
        "approve_until_date": min(dates, default=None),
        "classifications": _merged(rule.classifications for rule in rules),
        "severities": _merged(rule.severities for rule in rules),
        "security_severities": _security_severities(baseline),
        "narrowed_by": _narrowed_by(baseline),
        "compliance_level": max(levels, key=_rank, default=None),
        "approved_patches": list(baseline.approved_patches),
        "rejected_patches": list(baseline.rejected_patches),
        "rejected_patches_action": baseline.rejected_patches_action,
        "available_security_updates": baseline.available_security_updates,
        "modified_at": baseline.modified_at,
        "is_default": baseline.is_default,
        "enable_non_security": _is_any([rule.enable_non_security for rule in rules]),
        "nodes": baseline.nodes,
    }


def _is_any(flags: Collection[bool | None]) -> bool | None:
    """Returns whether one is true; None where none is and one is not known, and where there is none at all."""
    if True in flags:
        return True
    return None if None in flags or not flags else False


def _security_severities(baseline: Baseline) -> list[str] | None:
    """Returns the severities of the rules that approve security patches of everything, or None if there is none.

    A rule for some products says nothing of a patch of another one, so it does not count.

    They are apart from `severities`, because the rules that AWS ships approve every bug fix beside the security patches
    of two severities: merged, that reads as if all security patches were approved.
    """
    rules = () if baseline.narrowed_by else [rule for rule in _security_rules(baseline) if not rule.narrowed_by]
    return _merged(_without_wildcard(rule.severities) for rule in rules) if rules else None


def _narrowed_by(baseline: Baseline) -> list[str]:
    return sorted({*baseline.narrowed_by, *(key for rule in _security_rules(baseline) for key in rule.narrowed_by)})


def _security_rules(baseline: Baseline) -> list[ApprovalRule]:
    return [rule for rule in baseline.rules if not rule.classifications or any(map(_is_security, rule.classifications))]


def _is_security(classification: str) -> bool:
    return classification == "*" or "security" in classification.lower()


def _without_wildcard(values: tuple[str, ...]) -> tuple[str, ...]:
    return () if "*" in values else values


def _merged(values: Iterable[tuple[str, ...]]) -> list[str]:
    lists = list(values)
    return [] if not all(lists) else sorted({value for each in lists for value in each})


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else -1
