"""From a scope to its targets: which accounts, which Regions of each, and which accounts could not be opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.accounts import active_accounts
from scanner.aws.scope.caller import Caller
from scanner.aws.scope.regions import check_regions, described_regions
from scanner.aws.scope.roles import Roles
from scanner.aws.scope.targets import Account, included, targets_of
from scanner.aws.sdk.session import Sessions
from scanner.core.concurrency import map_bounded
from scanner.core.errors import AwsError, ConfigError, Denied, Disabled
from scanner.core.model import CallCounts, Target, TargetOutcome, TargetStatus
from scanner.core.settings import ScopeSettings

if TYPE_CHECKING:
    from types_aiobotocore_ec2 import EC2Client

ACCOUNTS_SIDE_BY_SIDE = 16
ALL_REGIONS = "*"
"""Stands for the Region of an account that did not tell its Regions."""


class Discovery(Struct, frozen=True):
    """What a scope comes to: targets in the order to read them, and an outcome for each account that stays shut."""

    targets: list[Target]
    outcomes: list[TargetOutcome]


class Discoverer:
    """Asks AWS what a scope comes to."""

    def __init__(
        self,
        sessions: Sessions,
        caller: Caller,
        roles: Roles,
        *,
        pipeline: RequestPipeline,
        counts: CallCounts,
    ) -> None:
        self._sessions = sessions
        self._caller = caller
        self._roles = roles
        self._funnel = pipeline
        self._counts = counts

    async def discover(self, scope: ScopeSettings) -> Discovery:
        """The targets of a scope, the accounts taking turns.

        Raises:
            ConfigError: the scope comes to nothing.
            Unavailable: the accounts of the organization could not be listed to the end.
        """
        accounts = await self._accounts(scope)
        regions: Mapping[Account, Sequence[str]]
        outcomes: list[TargetOutcome] = []
        match scope.regions:
            case ("enabled",):
                regions, outcomes = await self._enabled_regions(accounts)
            case ("current",):
                regions = dict.fromkeys(accounts, (self._caller.region,))
            case names:
                await check_regions(names, self._sessions, self._caller, self._funnel, self._counts)
                regions = dict.fromkeys(accounts, names)
        targets = targets_of(regions, scope)
        if not targets and not outcomes:
            raise ConfigError("The scope comes to no target: every Region is excluded; shorten scope.exclude_regions")
        return Discovery(targets, outcomes)

    async def _accounts(self, scope: ScopeSettings) -> list[Account]:
        match scope.accounts:
            case ("current",):
                accounts = [Account(self._caller.account_id)]
            case ("organization",):
                async with self._sessions.organizations(self._caller.region) as client:
                    accounts = await active_accounts(client, self._caller, self._funnel, self._counts)
            case account_ids:
                accounts = [Account(account_id) for account_id in account_ids]
        accounts = included(accounts, scope)
        if not accounts:
            raise ConfigError("The scope comes to no account: every one is excluded; shorten scope.exclude_accounts")
        for account in accounts:
            self._roles.of(account.account_id)
        return accounts

    async def _enabled_regions(
        self, accounts: Sequence[Account]
    ) -> tuple[dict[Account, list[str]], list[TargetOutcome]]:
        async with self._sessions.ec2(self._caller.region) as client:
            answers = await map_bounded(partial(self._regions_of, client), accounts, ACCOUNTS_SIDE_BY_SIDE)
        regions = {
            account: [] if isinstance(answer, TargetOutcome) else answer
            for account, answer in zip(accounts, answers, strict=True)
        }
        return regions, [answer for answer in answers if isinstance(answer, TargetOutcome)]

    async def _regions_of(self, client: EC2Client, account: Account) -> list[str] | TargetOutcome:
        role = self._roles.of(account.account_id)
        at = Target(account.account_id, self._caller.region)
        try:
            return await described_regions(client, at, role, self._funnel, self._counts)
        except AwsError as error:
            return _shut(account, error)


def _shut(account: Account, error: AwsError) -> TargetOutcome:
    match error:
        case Denied():
            status = TargetStatus.DENIED
        case Disabled():
            status = TargetStatus.DISABLED
        case _:
            status = TargetStatus.FAILED
    return TargetOutcome(
        target=Target(account.account_id, ALL_REGIONS, account.name),
        status=status,
        reason=str(error),
        nodes=0,
        patch_rows=0,
        requests=0,
        throttles=0,
        retries=0,
        started_at=None,
        finished_at=None,
    )
