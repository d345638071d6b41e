"""Patch baselines as GetPatchBaseline shows them."""

from __future__ import annotations

from msgspec import Struct


def short_id(baseline_id: str) -> str:
    """Returns the `pb-…` of an id that may be an ARN."""
    return baseline_id.rpartition("/")[2]


class ApprovalRule(Struct, frozen=True):
    """One rule of a baseline: which patches it approves, and when."""

    classifications: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    approve_after_days: int | None = None
    approve_until_date: str | None = None  # YYYY-MM-DD
    compliance_level: str | None = None
    enable_non_security: bool | None = None
    narrowed_by: tuple[str, ...] = ()  # keys of its further filters, such as PRODUCT, that do not take every value


class Baseline(Struct, frozen=True):
    """One patch baseline as GetPatchBaseline shows it.

    `baseline_id` is the id that patch states name: `pb-…`, also where GetPatchBaseline wants the ARN. `nodes` is how
    many nodes of its target name it, which is known once all of them are stored.
    """

    baseline_id: str
    name: str | None = None
    operating_system: str | None = None
    is_default: bool | None = None
    owner: str | None = None  # AWS or Self
    rules: tuple[ApprovalRule, ...] = ()
    approved_patches: tuple[str, ...] = ()
    rejected_patches: tuple[str, ...] = ()
    rejected_patches_action: str | None = None
    available_security_updates: str | None = None
    narrowed_by: tuple[str, ...] = ()  # keys of the filters that hold for all rules (GlobalFilters)
    modified_at: int | None = None  # milliseconds since 1970-01-01T00:00Z
    nodes: int | None = None
