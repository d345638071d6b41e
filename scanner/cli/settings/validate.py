"""What is wrong with settings that have the right types, all of it at once."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

from scanner.cli.settings.keys import hint
from scanner.core.model import PATCH_STATES
from scanner.core.safe_text import mask_secrets
from scanner.core.settings import LimitSettings, PatchSettings, ScopeSettings, Settings

Fault = tuple[str, str]
"""A setting's dotted key and what is wrong with it."""

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}")
# IAM: a role name has 1 to 64 of these; a path before it is part of the ARN all the same.
_ROLE = re.compile(r"([\w+=,.@-]+/)*[\w+=,.@-]{1,64}", re.ASCII)
# STS AssumeRole, ExternalId.
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_BUCKET_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?")
_SINK = re.compile(r"[a-z][a-z0-9_+-]*:.+", re.DOTALL)
_SEVERITIES = ("Critical", "Important", "Moderate", "Medium", "Low", "Unspecified")
_PAGE_SIZES = range(10, 101)
# SSM: a filter value has up to 256 characters.
_LONGEST_FILTER_VALUE = 256


def problems(settings: Settings, where: Callable[[str], str] = str) -> list[str]:
    """One line for each thing that cannot work, `where` giving the user's name for a dotted key."""
    faults = [
        *_scope_faults(settings.scope),
        *_tag_faults(settings.nodes.tags),
        *_patch_faults(settings.patches),
        *_limit_faults(settings.limits),
        *_run_faults(settings),
        *_sink_faults(settings.sinks),
    ]
    return [f"{where(path)}: {text}" for path, text in faults]


def _scope_faults(scope: ScopeSettings) -> Iterator[Fault]:
    yield from _selection_faults("scope.accounts", scope.accounts, ("current", "organization"), _account_fault)
    yield from _each("scope.exclude_accounts", scope.exclude_accounts, _account_fault)
    yield from _selection_faults("scope.regions", scope.regions, ("current", "enabled"), _region_fault)
    yield from _each("scope.exclude_regions", scope.exclude_regions, _region_fault)
    if scope.role_name is not None and not _ROLE.fullmatch(scope.role_name):
        arn = "; give the name alone, not the ARN" if scope.role_name.startswith("arn:") else ""
        yield (
            "scope.role_name",
            f"{scope.role_name!a} is not an IAM role name (letters, digits, +=,.@_-, up to 64){arn}",
        )
    if scope.role_name is None and (scope.accounts == ("organization",) or len(set(scope.accounts)) > 1):
        yield "scope.accounts", "other accounts are read through a role: name it with scope.role_name (--role-name)"
    if scope.external_id is not None and not _EXTERNAL_ID.fullmatch(scope.external_id):
        yield "scope.external_id", "an external id has 2 to 1,224 letters, digits or +=,.@:/_-"


def _selection_faults(
    path: str, values: tuple[str, ...], keywords: tuple[str, ...], fault: Callable[[str], str]
) -> Iterator[Fault]:
    if not values:
        yield path, f"nothing is selected; say {' or '.join(keywords)}, or name them"
    named = [value for value in values if value not in keywords]
    if len(values) > 1 and len(named) < len(values):
        yield path, f"{' and '.join(keywords)} stand alone, not beside other values"
    for _, text in _each(path, tuple(named), fault):
        yield path, text + hint(text.split("'")[1], keywords)


def _each(path: str, values: tuple[str, ...], fault: Callable[[str], str]) -> Iterator[Fault]:
    return ((path, text) for value in values if (text := fault(value)))


def _account_fault(value: str) -> str:
    return "" if _ACCOUNT.fullmatch(value) else f"{value!a} is not an account id (12 digits)"


def _region_fault(value: str) -> str:
    return "" if _REGION.fullmatch(value) else f"{value!a} is not a Region name (like eu-west-1)"


def _tag_faults(tags: dict[str, tuple[str, ...]]) -> Iterator[Fault]:
    for name, values in tags.items():
        if not name or not values or not all(values):
            yield "nodes.tags", f"tag {name!a} needs a key and at least one value"


def _patch_faults(patches: PatchSettings) -> Iterator[Fault]:
    for state in patches.states:
        if state not in PATCH_STATES:
            yield "patches.states", f"{state!a} is not one of {', '.join(PATCH_STATES)}{hint(state, PATCH_STATES)}"
    for severity in patches.severities:
        # Debian's priorities are lower-case words of their own, so only a near miss of a severity is refused.
        known = [name for name in _SEVERITIES if name.lower() == severity.lower()]
        if known and severity not in known and severity != "important":
            yield "patches.severities", f"{severity!a} matches no patch: write it as {known[0]}"
    for name in ("severities", "classifications", "kb_ids"):
        for value in getattr(patches, name):
            if not 0 < len(value) <= _LONGEST_FILTER_VALUE:
                yield f"patches.{name}", f"a value has 1 to {_LONGEST_FILTER_VALUE} characters, one has {len(value)}"
    if patches.page_size not in _PAGE_SIZES:
        yield "patches.page_size", f"{patches.page_size} is outside 10 to 100"


def _limit_faults(limits: LimitSettings) -> Iterator[Fault]:
    low, start, high = limits.min_rate_per_s, limits.rate_per_s, limits.max_rate_per_s
    for name in ("rate_per_s", "min_rate_per_s", "max_rate_per_s", "connect_timeout_s", "read_timeout_s"):
        yield from _at_least(f"limits.{name}", getattr(limits, name), 0, exclusive=True)
    for name in ("burst", "max_in_flight", "max_open_targets", "max_nodes_per_target", "max_attempts"):
        yield from _at_least(f"limits.{name}", getattr(limits, name), 1)
    for name in ("throttle_patience_s", "retry_first_delay_s", "retry_max_delay_s", "max_node_restarts"):
        yield from _at_least(f"limits.{name}", getattr(limits, name), 0)
    if low > start:
        yield "limits.rate_per_s", f"{start:g} a second is below limits.min_rate_per_s ({low:g})"
    if start > high:
        yield "limits.rate_per_s", f"{start:g} a second is above limits.max_rate_per_s ({high:g}); raise that too"


def _run_faults(settings: Settings) -> Iterator[Fault]:
    yield from _at_least("store.flush_rows", settings.store.flush_rows, 1)
    yield from _at_least("store.flush_interval_s", settings.store.flush_interval_s, 0, exclusive=True)
    yield from _at_least("full_scan_every_days", settings.full_scan_every_days, 1)
    yield from _at_least("sink_timeout_s", settings.sink_timeout_s, 0, exclusive=True)
    location = settings.store.location
    if not location:
        yield "store.location", "name a folder or s3://bucket/prefix"
    elif location.startswith("s3:") and not _BUCKET_URL.fullmatch(location):
        yield "store.location", f"{location!a} is not s3://bucket or s3://bucket/prefix"
    elif "://" in location and not location.startswith("s3:"):
        yield "store.location", f"{location!a} is neither a folder nor s3://bucket/prefix"
    if settings.summary == "":
        yield "summary", "name a file"


def _at_least(path: str, value: float, bound: float, *, exclusive: bool = False) -> Iterator[Fault]:
    # Written so that NaN, which compares as false, is refused.
    good = math.isfinite(value) and (value > bound if exclusive else value >= bound)
    if not good:
        yield path, f"{value:g} is not {'above' if exclusive else 'at least'} {bound:g}"


def _sink_faults(sinks: tuple[str, ...]) -> Iterator[Fault]:
    for spec, times in Counter(sinks).items():
        if not _SINK.fullmatch(spec):
            yield "sinks", f"{mask_secrets(spec)!a} is not type:where (like jsonl:- or parquet:s3://bucket/prefix)"
        elif times > 1:
            yield "sinks", f"{mask_secrets(spec)} is given {times} times"
