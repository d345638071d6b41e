"""Reads patch baselines: DescribePatchBaselines for their full ids, GetPatchBaseline for each that a node names.

Source: SSM API reference. A patch state names a baseline by `pb-…`; GetPatchBaseline knows those that AWS owns by
their ARN alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

import msgspec
from msgspec import Struct

from scanner.aws.machines.ask import RULES, Ask, with_token
from scanner.aws.machines.cut_listings import OnCut, refuse_cut, until_cut
from scanner.aws.machines.odd_members import OnOdd, ignore_odd, readable, text_member
from scanner.aws.operations import DESCRIBE_PATCH_BASELINES, GET_PATCH_BASELINE
from scanner.aws.requests.pagination import Page, pages
from scanner.aws.transport.decoding import decode
from scanner.core.baselines import ApprovalRule, Baseline, short_id
from scanner.core.normalize import epoch_ms


class _Identity(Struct, rename="pascal"):
    baseline_id: str
    default_baseline: bool | None = None


class _Identities(Struct, rename="pascal"):
    baseline_identities: list[msgspec.Raw]
    next_token: str | None = None


class _Filter(Struct, rename="pascal"):
    key: str = ""
    values: tuple[str, ...] | None = ()


class _FilterGroup(Struct, frozen=True, rename="pascal"):
    patch_filters: tuple[_Filter, ...] | None = ()


class _Rule(Struct, rename="pascal"):
    patch_filter_group: _FilterGroup | None = _FilterGroup()
    compliance_level: str | None = None
    approve_after_days: int | None = None
    approve_until_date: str | None = None
    enable_non_security: bool | None = None


class _Rules(Struct, rename="pascal"):
    patch_rules: tuple[_Rule, ...] | None = ()


class _Baseline(Struct, rename="pascal"):
    baseline_id: str
    name: str | None = None
    operating_system: str | None = None
    global_filters: _FilterGroup | None = None
    approval_rules: _Rules | None = None
    approved_patches: tuple[str, ...] | None = None
    rejected_patches: tuple[str, ...] | None = None
    rejected_patches_action: str | None = None
    available_security_updates_compliance_status: str | None = None
    modified_date: float | str | None = None


_CLASSIFICATION = "CLASSIFICATION"
_SEVERITIES = ("SEVERITY", "MSRC_SEVERITY", "PRIORITY")  # one word for each family of operating systems
_EVERY_VALUE = "*"

#: Numbers and booleans may be text, and lists null: neither costs the baseline.
_IDENTITIES = msgspec.json.Decoder(_Identities)
_IDENTITY = msgspec.json.Decoder(_Identity, strict=False)
_ONE = msgspec.json.Decoder(_Baseline, strict=False)


async def identities(
    ask: Ask, name: str, on_odd: OnOdd = ignore_odd, on_cut: OnCut = refuse_cut
) -> Mapping[str, tuple[str, bool | None]]:
    """Returns the full id of each baseline of the target, and whether it is the default, by its short id `pb-…`.

    Args:
        ask: sends the requests of the target.
        name: the target, for messages.
        on_odd: takes note of a row that cannot be read.
        on_cut: takes note of a listing that breaks off; what it brought before is returned.

    Raises:
        AwsError: the caller may not ask, or the listing cannot be read.
    """

    async def fetch(token: str | None) -> Page[_Identity]:
        answer = await ask(
            DESCRIBE_PATCH_BASELINES, with_token({"MaxResults": 100}, token), partial(decode, _IDENTITIES)
        )
        return Page(list(readable(answer.baseline_identities, _IDENTITY, odd_row)), answer.next_token)

    def odd_row(raw: msgspec.Raw) -> None:
        baseline_id = text_member(raw, "BaselineId")
        named = f"the baseline {baseline_id}" if baseline_id else "a baseline without an id"
        on_odd(DESCRIBE_PATCH_BASELINES, named)

    found: dict[str, tuple[str, bool | None]] = {}
    listing = pages(fetch, RULES, f"The patch baselines of {name}")
    async for page in until_cut(listing, DESCRIBE_PATCH_BASELINES, on_cut):
        found.update({short_id(row.baseline_id): (row.baseline_id, row.default_baseline) for row in page})
    return found


async def baseline(ask: Ask, full_id: str, *, is_default: bool | None) -> Baseline:
    """Returns one baseline.

    Args:
        ask: sends the requests of the target.
        full_id: `pb-…`, or the ARN of one that AWS owns.
        is_default: as DescribePatchBaselines says.

    Raises:
        AwsError: the caller may not ask, or there is no such baseline.
    """
    row = await ask(GET_PATCH_BASELINE, {"BaselineId": full_id}, partial(decode, _ONE))
    rules = (row.approval_rules.patch_rules if row.approval_rules else None) or ()
    return Baseline(
        baseline_id=short_id(row.baseline_id),
        name=row.name or None,
        operating_system=row.operating_system or None,
        is_default=is_default,
        owner="AWS" if full_id.startswith("arn:") else "Self",
        rules=tuple(_rule(rule) for rule in rules),
        approved_patches=row.approved_patches or (),
        rejected_patches=row.rejected_patches or (),
        rejected_patches_action=row.rejected_patches_action or None,
        available_security_updates=row.available_security_updates_compliance_status or None,
        narrowed_by=_narrowing(_filters(row.global_filters), ()),
        modified_at=epoch_ms(row.modified_date),
    )


def _rule(rule: _Rule) -> ApprovalRule:
    filters = _filters(rule.patch_filter_group)

    def values(keys: Collection[str]) -> tuple[str, ...]:
        return tuple(value for chosen in filters if chosen.key in keys for value in chosen.values or ())

    return ApprovalRule(
        classifications=values({_CLASSIFICATION}),
        severities=values(_SEVERITIES),
        approve_after_days=rule.approve_after_days,
        approve_until_date=rule.approve_until_date or None,
        compliance_level=rule.compliance_level or None,
        enable_non_security=rule.enable_non_security,
        narrowed_by=_narrowing(filters, {_CLASSIFICATION, *_SEVERITIES}),
    )


def _filters(group: _FilterGroup | None) -> tuple[_Filter, ...]:
    return (group.patch_filters if group else None) or ()


def _narrowing(filters: Iterable[_Filter], known: Collection[str]) -> tuple[str, ...]:
    """Returns the keys of the filters that do not take every value, less the known ones."""
    return tuple(
        sorted({each.key for each in filters if each.key not in known and _EVERY_VALUE not in (each.values or ())})
    )
