"""Turns a scope into its targets: which accounts, which Regions of each, and which accounts could not be opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.accounts import organization_accounts
from scanner.aws.scope.caller import Caller
from scanner.aws.scope.organizational_units import check_units, in_units, is_in_scope
from scanner.aws.scope.regions import AccountRegions, check_regions, enabled
from scanner.aws.scope.roles import Roles
from scanner.aws.scope.targets import Account, included, targets_of
from scanner.aws.sdk.session import Sessions
from scanner.core.concurrency import map_bounded
from scanner.core.errors import AwsError, ConfigError, Denied, KeysRefused
from scanner.core.model import CallCounts, Target, TargetOutcome, TargetStatus
from scanner.core.settings import ScopeSettings

ACCOUNTS_AT_ONCE = 16
INACTIVE_SHOWN = 8
ALL_REGIONS = "*"  # stands for the Region of an account whose Regions AWS did not list


class Discovery(Struct, frozen=True):
    """The targets of a scope in the order to read them, an outcome for each account that is a gap, and notes.

    An account whose Regions could not be listed has both: an outcome that names it, and a target for each Region that
    the SDK knows, so that what can be read is read.
    """

    targets: list[Target]
    outcomes: list[TargetOutcome]
    notes: list[str]


class _Regions(Struct, frozen=True):
    """The Regions to try in an account, and what keeps its list from being the account's own."""

    names: Sequence[str]
    gap: TargetOutcome | None = None


class Discoverer:
    """Asks AWS which accounts and Regions a scope covers."""

    def __init__(
        self,
        sessions: Sessions,
        caller: Caller,
        roles: Roles,
        regions: AccountRegions,
        *,
        pipeline: RequestPipeline,
        counts: CallCounts,
    ) -> None:
        self._sessions = sessions
        self._caller = caller
        self._roles = roles
        self._regions = regions
        self._pipeline = pipeline
        self._counts = counts

    async def discover(self, scope: ScopeSettings) -> Discovery:
        """Returns the targets of a scope, neighbours in different accounts.

        Raises:
            ConfigError: the scope covers nothing, or names an organizational unit that cannot be applied.
            Unavailable: the accounts of the organization could not be listed to the end.
        """
        accounts, notes = await self._accounts(scope)
        regions: Mapping[Account, Sequence[str]]
        outcomes: list[TargetOutcome] = []
        match scope.regions:
            case ("enabled",):
                answers = await map_bounded(self._enabled_regions, accounts, ACCOUNTS_AT_ONCE)
                regions = {account: answer.names for account, answer in zip(accounts, answers, strict=True)}
                outcomes = [answer.gap for answer in answers if answer.gap is not None]
            case ("current",):
                regions = dict.fromkeys(accounts, (self._caller.region,))
            case names:
                await check_regions(names, self._sessions, self._caller, self._pipeline, self._counts)
                regions = dict.fromkeys(accounts, names)
        targets = targets_of(regions, scope)
        if not targets and not outcomes:
            raise ConfigError("The scope covers no target: every Region is excluded; shorten scope.exclude_regions")
        return Discovery(targets, outcomes, notes)

    async def _accounts(self, scope: ScopeSettings) -> tuple[list[Account], list[str]]:
        notes: list[str] = []
        match scope.accounts:
            case ("current",):
                accounts = [Account(self._caller.account_id)]
            case ("organization",):
                async with self._sessions.organizations(self._caller.region) as client:
                    listed = await organization_accounts(client, self._caller, self._pipeline, self._counts)
                check_units((*listed.active, *listed.inactive), scope)
                accounts = in_units(included(listed.active, scope), scope)
                notes = _inactive_note(listed.inactive, scope)
            case account_ids:
                accounts = [Account(account_id) for account_id in account_ids]
        accounts = included(accounts, scope)
        if not accounts:
            raise ConfigError(f"The scope covers no account: {_why_no_account(scope)}")
        for account in accounts:
            self._roles.for_account(account.account_id)
        return accounts, notes

    async def _enabled_regions(self, account: Account) -> _Regions:
        role = self._roles.for_account(account.account_id)
        try:
            if role is not None:
                await role.ready()
        except AwsError as error:
            return _Regions((), _account_gap(account, error, str(error)))
        try:
            return _Regions(enabled(await self._regions.for_account(account.account_id)))
        except AwsError as error:
            known = await self._sessions.known_regions("ssm", self._caller.partition)
            reason = f"{error}; the {len(known)} Regions that this version of the SDK knows are tried instead"
            return _Regions(known, _account_gap(account, error, reason))


def _why_no_account(scope: ScopeSettings) -> str:
    if scope.ous or scope.exclude_ous:
        return "scope.ous, scope.exclude_ous and scope.exclude_accounts leave no active one of the organization"
    return "every one is excluded; shorten scope.exclude_accounts"


def _inactive_note(inactive: Mapping[Account, str], scope: ScopeSettings) -> list[str]:
    """Returns the sentence on the inactive accounts that the scope would cover."""
    shown = {
        account.account_id: state
        for account, state in inactive.items()
        if account.account_id not in scope.exclude_accounts and is_in_scope(account, scope)
    }
    if not shown:
        return []
    listed = ", ".join(f"{name} ({state})" for name, state in list(shown.items())[:INACTIVE_SHOWN])
    more = f" and {len(shown) - INACTIVE_SHOWN} more" if len(shown) > INACTIVE_SHOWN else ""
    accounts = "1 account is" if len(shown) == 1 else f"{len(shown):,} accounts are"
    return [f"{accounts} not active in the organization and not scanned: {listed}{more}"]


def _account_gap(account: Account, error: AwsError, reason: str) -> TargetOutcome:
    """Returns the outcome of an account whose Regions are not known: always a gap, whatever the scope."""
    refused = isinstance(error, Denied | KeysRefused)
    return TargetOutcome(
        target=Target(account.account_id, ALL_REGIONS, account.name, account.ou_path),
        status=TargetStatus.DENIED if refused else TargetStatus.FAILED,
        reason=reason,
        nodes=0,
        patch_rows=0,
        requests=0,
        throttles=0,
        retries=0,
        started_at=None,
        finished_at=None,
    )
