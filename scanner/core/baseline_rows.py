"""Sums up the rules of a patch baseline in the columns of the `baselines` table."""

from __future__ import annotations

from collections.abc import Iterable

from scanner.core.baselines import Baseline

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
        "approve_until_date": max(dates, default=None),
        "classifications": _merged(rule.classifications for rule in rules),
        "severities": _merged(rule.severities for rule in rules),
        "compliance_level": max(levels, key=_rank, default=None),
        "approved_patches": list(baseline.approved_patches),
        "rejected_patches": list(baseline.rejected_patches),
        "rejected_patches_action": baseline.rejected_patches_action,
        "available_security_updates": baseline.available_security_updates,
        "modified_at": baseline.modified_at,
    }


def _merged(values: Iterable[tuple[str, ...]]) -> list[str]:
    lists = list(values)
    return [] if not all(lists) else sorted({value for each in lists for value in each})


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else -1
