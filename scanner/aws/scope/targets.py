"""Decides which (account, Region) pairs a scan covers, and in which order; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, zip_longest

from msgspec import Struct

from scanner.core.model import Target
from scanner.core.settings import ScopeSettings


class Account(Struct, frozen=True):
    """An account to cover; `name` is its name in AWS Organizations, None where that was not asked.

    `paths` lead from the organization to what the account is in, each as `o-…/r-…/ou-…`; empty where AWS names none.
    """

    account_id: str
    name: str | None = None
    paths: tuple[str, ...] = ()

    @property
    def ou_path(self) -> str | None:
        """Returns the first of the paths."""
        return next(iter(self.paths), None)


def included(accounts: Iterable[Account], scope: ScopeSettings) -> list[Account]:
    """Returns the accounts less the excluded ones, each once, in the order given."""
    unique = {account.account_id: account for account in accounts}
    return [account for account in unique.values() if account.account_id not in scope.exclude_accounts]


def targets_of(regions: Mapping[Account, Iterable[str]], scope: ScopeSettings) -> list[Target]:
    """Returns a target for each account and each of its Regions that is not excluded, neighbours in different accounts.

    AWS limits each account by itself: reading one after the other would leave all but one idle.
    """
    columns = [
        [
            Target(account.account_id, region, account.name, account.ou_path)
            for region in dict.fromkeys(names)
            if region not in scope.exclude_regions
        ]
        for account, names in regions.items()
    ]
    rounds = chain.from_iterable(zip_longest(*columns))
    return [target for target in rounds if target is not None]


def largest_first(targets: Iterable[Target], sizes: Mapping[tuple[str, str], int]) -> list[Target]:
    """Sorts the targets, the largest first, so that no big one runs last alone; unknown ones last, in their order.

    `sizes` are by (account id, Region), in whatever unit: only their order counts.
    """
    return sorted(targets, key=lambda target: -sizes.get((target.account_id, target.region), 0))
