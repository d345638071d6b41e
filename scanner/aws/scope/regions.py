"""Asks AWS which Regions an account has enabled, at one place after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from scanner.aws.credentials.current_role import signed_as
from scanner.aws.credentials.role_session import RoleCredentials
from scanner.aws.operations import DESCRIBE_REGIONS, LIST_REGIONS
from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.caller import Caller
from scanner.aws.scope.roles import Roles
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.aws.sdk.region_clients import RegionClients
from scanner.aws.sdk.session import Sessions
from scanner.aws.transport.interface import ConnectionFailure, NoResponse
from scanner.core.errors import AwsError, ConfigError, Denied, Disabled, TokenRefused
from scanner.core.interfaces import Clock
from scanner.core.model import CallCounts, Target
from scanner.core.scope_rules import region_problem

if TYPE_CHECKING:
    from types_aiobotocore_account import AccountClient
    from types_aiobotocore_account.type_defs import ListRegionsRequestTypeDef, RegionTypeDef
    from types_aiobotocore_ec2 import EC2Client

RegionList = Mapping[str, str]  # the opt-in status of each Region, as AWS says it; empty where it says none

#: EC2's word and that of Account Management. Any other status, a new one too, means that the Region is asked.
OFF_STATUSES = ("not-opted-in", "DISABLED")

#: Where EC2 is asked when the Region of the run does not answer, by partition: a policy that denies some Regions
#: seldom denies all of these.
EC2_ELSEWHERE = {
    "aws": ("us-east-1", "eu-west-1", "us-west-2"),
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
    "aws-us-gov": ("us-gov-west-1", "us-gov-east-1"),
}
FRESH_S = 60.0  # a list that was asked for after a refusal is evidence for so long: refusals come by the hundred
RULES = PagingRules(max_pages=100, max_restarts=3, max_empty_pages=20)


def enabled(regions: RegionList) -> list[str]:
    """Returns the Regions that the list does not call off, sorted."""
    return sorted(name for name, status in regions.items() if status not in OFF_STATUSES)


class _Answer(Struct, frozen=True):
    """What an account's list was, or why there is none."""

    regions: RegionList | AwsError
    asked_at_s: float


class AccountRegions:
    """The Regions of each account, as evidence for what is on and what is off there."""

    def __init__(
        self,
        ec2: RegionClients[EC2Client],
        account: RegionClients[AccountClient],
        caller: Caller,
        roles: Roles,
        *,
        pipeline: RequestPipeline,
        counts: CallCounts,
        now: Clock,
    ) -> None:
        self._ec2 = ec2
        self._account = account
        self._caller = caller
        self._roles = roles
        self._pipeline = pipeline
        self._counts = counts
        self._now = now
        self._answers: dict[str, _Answer] = {}
        self._asking: dict[str, anyio.Lock] = {}

    async def for_account(self, account_id: str) -> RegionList:
        """Returns the account's list as it is now, from EC2 in up to four Regions or else from Account Management.

        Raises:
            AwsError: none of them gave it; the first refusal, with the number of places that were asked.
            Denied: the account's role is refused.
        """
        role = self._roles.for_account(account_id)
        if role is not None:
            await role.ready()
        failures: list[AwsError] = []
        for ask in self._places(account_id, role):
            try:
                return await ask()
            except AwsError as error:
                failures.append(error)
        first = failures[0]
        raise type(first)(f"{first} (and {len(failures) - 1} other places did not list them)", code=first.code)

    async def explain(self, refusal: TokenRefused, target: Target) -> AwsError:
        """Returns what it means that a Region refuses a token that STS accepts, by the account's own list.

        Only a list that calls the Region off, or does not name it, makes it `Disabled`.
        """
        regions = await self._evidence(target.account_id)
        if isinstance(regions, AwsError):
            return Denied(
                f"{refusal}; whether the Region is enabled is unknown, since the account's Regions cannot be listed: "
                f"{regions}",
                code=refusal.code,
            )
        status = regions.get(target.region)
        # The list names every Region that an account can use, so that one it does not name is off.
        if status is None or status in OFF_STATUSES:
            listed = "does not name this one" if status is None else f"calls this one {status}"
            return Disabled(
                f"{refusal}, and the account's list of Regions {listed}; enable the Region for this account, or leave "
                "it out with --regions or exclude_regions",
                code=refusal.code,
            )
        return Denied(
            f"{refusal}, and the account's list of Regions calls this one {status or 'enabled'}; set "
            "AWS_STS_REGIONAL_ENDPOINTS=regional if the session comes from the global STS endpoint, or look at what "
            "the policy of the endpoint allows",
            code=refusal.code,
        )

    async def _evidence(self, account_id: str) -> RegionList | AwsError:
        """Returns a list that was asked for after a refusal; one from before it proves nothing about it."""
        async with self._asking.setdefault(account_id, anyio.Lock()):
            known = self._answers.get(account_id)
            if known is None or self._now() - known.asked_at_s > FRESH_S:
                try:
                    regions: RegionList | AwsError = await self.for_account(account_id)
                except AwsError as error:
                    regions = error
                known = self._answers[account_id] = _Answer(regions, self._now())
        return known.regions

    def _places(self, account_id: str, role: RoleCredentials | None) -> list[Callable[[], Awaitable[RegionList]]]:
        home = self._caller.region
        elsewhere = [name for name in EC2_ELSEWHERE.get(self._caller.partition, ()) if name != home]
        places: list[Callable[[], Awaitable[RegionList]]] = [
            partial(self._from_ec2, Target(account_id, region), role) for region in (home, *elsewhere)
        ]
        places.append(partial(self._from_account_management, account_id, role))
        if role is not None:
            # The management account may ask about a member, whatever the member's own policies deny.
            places.append(partial(self._from_account_management, account_id, None))
        return places

    async def _from_ec2(self, at: Target, role: RoleCredentials | None) -> RegionList:
        client = await self._ec2.for_region(at.region)
        return await described_regions(client, at, role, self._pipeline, self._counts)

    async def _from_account_management(self, account_id: str, role: RoleCredentials | None) -> RegionList:
        client = await self._account.for_region(self._caller.region)
        request: ListRegionsRequestTypeDef = {"MaxResults": 50}
        if role is None and account_id != self._caller.account_id:
            request["AccountId"] = account_id

        async def fetch(token: str | None) -> Page[RegionTypeDef]:
            async def attempt() -> Page[RegionTypeDef]:
                with sdk_errors(), signed_as(role):
                    answer = await client.list_regions(**request, **({"NextToken": token} if token else {}))
                rows = require_members(answer, "Regions")["Regions"]
                _require_names([row.get("RegionName") for row in rows])
                return Page(rows, answer.get("NextToken"))

            at = Target(account_id, self._caller.region)
            return await self._pipeline.call(LIST_REGIONS, at, attempt, counts=self._counts, keys=role)

        listed = pages(fetch, RULES, f"The Regions of account {account_id}")
        regions = {row["RegionName"]: str(row.get("RegionOptStatus") or "") async for page in listed for row in page}
        if not enabled(regions):
            raise AwsError(f"{LIST_REGIONS} in account {account_id} lists no enabled Region, though some always are")
        return regions


async def described_regions(
    client: EC2Client, at: Target, role: RoleCredentials | None, pipeline: RequestPipeline, counts: CallCounts
) -> RegionList:
    """Returns every Region of the partition with its opt-in status in the account of the role, or else of the caller.

    Raises:
        AwsError: what the error table says. A list without any enabled Region is no answer: some always are.
    """

    async def attempt() -> RegionList:
        with sdk_errors(), signed_as(role):
            answer = require_members(await client.describe_regions(AllRegions=True), "Regions")
        rows = answer["Regions"]
        _require_names([row.get("RegionName") for row in rows])
        regions = {row["RegionName"]: row.get("OptInStatus") or "" for row in rows}
        if not enabled(regions):
            raise NoResponse(ConnectionFailure.CONNECTION, "the answer lists no enabled Region, though some always are")
        return regions

    return await pipeline.call(DESCRIBE_REGIONS, at, attempt, counts=counts, keys=role)


def _require_names(names: Sequence[str | None]) -> None:
    if not all(names):
        raise NoResponse(ConnectionFailure.CONNECTION, "the answer lists a Region without a name")
    problem = next(filter(None, (region_problem(str(name)) for name in names)), None)
    if problem is not None:
        # The name becomes part of the host that requests are sent to.
        raise NoResponse(ConnectionFailure.CONNECTION, f"the answer lists a Region of which {problem}")


async def check_regions(
    names: Sequence[str], sessions: Sessions, caller: Caller, pipeline: RequestPipeline, counts: CallCounts
) -> None:
    """Refuses Region names that do not exist in the caller's partition.

    A name that this version of the SDK does not know may be newer than it: only then AWS is asked.

    Raises:
        ConfigError: names the first that does not exist.
    """
    known = await sessions.known_regions("ssm", caller.partition)
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    existing: RegionList = {}
    try:
        async with sessions.ec2(caller.region) as client:
            existing = await described_regions(client, caller.target, None, pipeline, counts)
    except AwsError:
        pass
    strange = next((name for name in unknown if name not in existing), None)
    if strange is not None:
        near = get_close_matches(strange, {*known, *existing})
        hint = f"; did you mean {' or '.join(near)}?" if near else f"; the caller's partition is {caller.partition}"
        raise ConfigError(f"There is no Region {strange!r} in scope.regions (--regions) with Systems Manager{hint}")
