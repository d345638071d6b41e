"""Pure: which (account, Region) pairs a scan covers, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest

from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.model import Target
from scanner.core.settings import ScopeSettings

ACCOUNT_KEYWORDS = ("current", "organization")
REGION_KEYWORDS = ("current", "enabled")
_ACCOUNT_ID = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


class Account(Struct, frozen=True):
    """An account to cover; `name` as the organization calls it."""

    account_id: str
    name: str | None = None


def scope_problems(scope: ScopeSettings) -> list[str]:
    """Every complaint about a scope, each one sentence; none means that it can be used."""
    return [
        *_problems("accounts", scope.accounts, ACCOUNT_KEYWORDS, _ACCOUNT_ID, "an account id of 12 digits"),
        *_problems("exclude_accounts", scope.exclude_accounts, (), _ACCOUNT_ID, "an account id of 12 digits"),
        *_problems("regions", scope.regions, REGION_KEYWORDS, _REGION, "a Region name like eu-west-1"),
        *_problems("exclude_regions", scope.exclude_regions, (), _REGION, "a Region name like eu-west-1"),
    ]


def _problems(
    name: str, values: Sequence[str], keywords: Sequence[str], pattern: re.Pattern[str], form: str
) -> list[str]:
    alone = [value for value in values if value in keywords]
    if alone and len(values) > 1:
        return [f"scope.{name}: {alone[0]!r} stands for a whole list and cannot be part of one; name it alone"]
    if not values and keywords:
        return [f"scope.{name} is empty: give {' or '.join(keywords)}, or {form}"]
    either = f"neither {' nor '.join(keywords)} nor" if keywords else "not"
    return [
        f"scope.{name}: {value!r} is {either} {form}; correct it"
        for value in values
        if value not in keywords and not pattern.fullmatch(value)
    ]


def check_scope(scope: ScopeSettings) -> None:
    """Refuse a scope that cannot be used.

    Raises:
        ConfigError: with every complaint.
    """
    problems = scope_problems(scope)
    if problems:
        raise ConfigError(". ".join(problems))


def included(accounts: Iterable[Account], scope: ScopeSettings) -> list[Account]:
    """The accounts less the excluded ones, each once, in the order given."""
    unique = {account.account_id: account for account in accounts}
    return [account for account in unique.values() if account.account_id not in scope.exclude_accounts]


def targets_of(regions: Mapping[Account, Iterable[str]], scope: ScopeSettings) -> list[Target]:
    """A target for each account and each of its Regions that is not excluded, neighbours in different accounts.

    AWS limits each account by itself: reading one after the other would leave all but one idle.
    """
    columns = [
        [
            Target(account.account_id, region, account.name)
            for region in dict.fromkeys(names)
            if region not in scope.exclude_regions
        ]
        for account, names in regions.items()
    ]
    rounds = chain.from_iterable(zip_longest(*columns))
    return [target for target in rounds if target is not None]


def largest_first(targets: Iterable[Target], sizes: Mapping[tuple[str, str], int]) -> list[Target]:
    """The largest first, so that no big one runs last alone; unknown ones last, in their order.

    `sizes` are by (account id, Region), in whatever unit: only their order counts.
    """
    return sorted(targets, key=lambda target: -sizes.get((target.account_id, target.region), 0))
