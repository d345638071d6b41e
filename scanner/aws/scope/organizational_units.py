"""Pure: which accounts of an organization a scope covers by the organizational units they are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from scanner.aws.scope.targets import Account
from scanner.core.errors import ConfigError
from scanner.core.settings import ScopeSettings

_NAMED = 8  # accounts or units in one sentence


def check_units(accounts: Iterable[Account], scope: ScopeSettings) -> None:
    """Refuses a scope with a root or unit that no account is in: it may be a slip, and would change what is covered.

    Args:
        accounts: all accounts of the organization, the inactive ones too.
        scope: the scope; without `ous` and `exclude_ous` there is nothing to check.

    Raises:
        ConfigError: names the first such id, with those that are like it.
    """
    known = {unit: None for account in accounts for path in account.paths for unit in path.split("/")[1:]}
    for key, wanted in (("scope.ous", scope.ous), ("scope.exclude_ous", scope.exclude_ous)):
        for unit in wanted:
            if unit not in known:
                near = get_close_matches(unit, known, n=3, cutoff=0.6)
                hint = f"did you mean {' or '.join(near)}?" if near else f"accounts are in {_listed(list(known))}"
                raise ConfigError(f"No account of the organization is in {unit!a} ({key}); {hint}")


def in_units(accounts: Iterable[Account], scope: ScopeSettings) -> list[Account]:
    """Returns the accounts below one of `scope.ous` (empty: all) and below none of `scope.exclude_ous`.

    Raises:
        ConfigError: AWS does not say where an account is, so that it can be neither included nor left out.
    """
    accounts = list(accounts)
    if not scope.ous and not scope.exclude_ous:
        return accounts
    if nowhere := [account.account_id for account in accounts if not account.paths]:
        those = "that account" if len(nowhere) == 1 else "those accounts"
        raise ConfigError(
            f"organizations:ListAccounts does not say in which organizational unit account {_listed(nowhere)} is, so "
            f"scope.ous and scope.exclude_ous (--ous, --exclude-ous) cannot be applied; leave {those} out with "
            "--exclude-accounts, or name the accounts to scan with --accounts"
        )
    return [account for account in accounts if is_in_scope(account, scope)]


def is_in_scope(account: Account, scope: ScopeSettings) -> bool:
    """Returns whether the units of the account put it into the scope; one without a path counts as in it."""
    units = {unit for path in account.paths for unit in path.split("/")}
    if not units:
        return True
    return (not scope.ous or not units.isdisjoint(scope.ous)) and units.isdisjoint(scope.exclude_ous)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else shown or "no unit that AWS names"
