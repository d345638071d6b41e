"""What a scope may name: the one place that knows how account ids, Regions, roles and buckets are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scanner.core.did_you_mean import did_you_mean
from scanner.core.errors import ConfigError
from scanner.core.settings import ScopeSettings

ACCOUNT_KEYWORDS = ("current", "organization")
REGION_KEYWORDS = ("current", "enabled")

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
# Organizations: ids of roots and of organizational units.
_UNIT = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}", re.ASCII)
# IAM: a role name has 1 to 64 of these; a path before it is part of the ARN, too.
_ROLE_RULE = "letters, digits, +=,.@_-, up to 64"
_ROLE = re.compile(r"([\w+=,.@-]+/)*[\w+=,.@-]{1,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)  # STS AssumeRole
_BUCKET_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", re.ASCII)

Problem = tuple[str, str]  # A setting's dotted key and what is wrong with it


def is_bucket_url(text: str) -> bool:
    """Returns whether the text is `s3://bucket` or `s3://bucket/prefix`."""
    return bool(_BUCKET_URL.fullmatch(text))


def scope_problems(scope: ScopeSettings) -> Iterator[Problem]:
    """Yields every reason why the scope cannot be used."""
    yield from _selection("scope.accounts", scope.accounts, ACCOUNT_KEYWORDS, account_id_problem)
    yield from _each("scope.exclude_accounts", scope.exclude_accounts, account_id_problem)
    for key, units in (("scope.ous", scope.ous), ("scope.exclude_ous", scope.exclude_ous)):
        yield from _each(key, units, _unit_problem)
        if units and scope.accounts != ("organization",):
            yield key, "organizational units are known of the organization alone: add --accounts organization"
    yield from _selection("scope.regions", scope.regions, REGION_KEYWORDS, region_problem)
    yield from _each("scope.exclude_regions", scope.exclude_regions, region_problem)
    if scope.role_name is not None and not _ROLE.fullmatch(scope.role_name):
        arn = "; give the name alone, not the ARN" if scope.role_name.startswith("arn:") else ""
        yield (
            "scope.role_name",
            f"{scope.role_name!a} is not an IAM role name ({_ROLE_RULE}){arn}",
        )
    if scope.role_name is None and (scope.accounts == ("organization",) or len(set(scope.accounts)) > 1):
        yield "scope.accounts", "other accounts are read through a role: name it with scope.role_name (--role-name)"
    if scope.external_id is not None and not _EXTERNAL_ID.fullmatch(scope.external_id):
        yield "scope.external_id", "an external id has 2 to 1,224 letters, digits or +=,.@:/_-"


def _selection(
    path: str, values: Sequence[str], keywords: Sequence[str], problem: Callable[[str], str]
) -> Iterator[Problem]:
    if not values:
        yield path, f"nothing is selected; use {' or '.join(keywords)}, or name them"
    named = [value for value in values if value not in keywords]
    if len(values) > 1 and len(named) < len(values):
        yield path, f"{' and '.join(keywords)} stand alone, not beside other values"
    for value in named:
        if text := problem(value):
            yield path, text + did_you_mean(value, keywords)


def _each(path: str, values: Sequence[str], problem: Callable[[str], str]) -> Iterator[Problem]:
    return ((path, text) for value in values if (text := problem(value)))


def account_id_problem(value: str) -> str:
    return "" if _ACCOUNT_ID.fullmatch(value) else f"{value!a} is not an account id (12 digits)"


def _unit_problem(value: str) -> str:
    return (
        "" if _UNIT.fullmatch(value) else f"{value!a} is not the id of a unit (like ou-a1b2-c3d4e5f6) or root (r-a1b2)"
    )


def region_problem(value: str) -> str:
    return "" if _REGION.fullmatch(value) else f"{value!a} is not a Region name (like eu-west-1)"


def check_scope(scope: ScopeSettings) -> None:
    """Refuses a scope that cannot be used, such as a stored one.

    Raises:
        ConfigError: With every problem.
    """
    if problems := [f"{key}: {text}" for key, text in scope_problems(scope)]:
        raise ConfigError("\n".join(problems))
