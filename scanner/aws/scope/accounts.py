"""Lists the accounts of the organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from scanner.aws.operations import LIST_ACCOUNTS
from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.caller import Caller
from scanner.aws.scope.targets import Account
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.aws.transport.interface import ConnectionFailure, NoResponse
from scanner.core.errors import Unavailable
from scanner.core.model import CallCounts

if TYPE_CHECKING:
    from types_aiobotocore_organizations import OrganizationsClient
    from types_aiobotocore_organizations.type_defs import AccountTypeDef

PAGE_SIZE = 20  # the most that ListAccounts gives at once
RULES = PagingRules(max_pages=5_000, max_empty_pages=100, max_restarts=3)

#: The states in which AWS refuses every AssumeRole ("AccountState" of the Organizations model). An account in any
#: other state, a new or a missing one too, is asked: only what AWS says leaves an account out.
INACTIVE_STATES = ("SUSPENDED", "PENDING_CLOSURE", "CLOSED", "PENDING_ACTIVATION")


class OrganizationAccounts(Struct, frozen=True):
    """The accounts to ask, and the inactive ones by account id with their state."""

    active: list[Account]
    inactive: dict[str, str]


async def organization_accounts(
    client: OrganizationsClient, caller: Caller, pipeline: RequestPipeline, counts: CallCounts
) -> OrganizationAccounts:
    """Lists every account, one page after the other: Organizations refuses requests that run side by side.

    An account that is listed twice is inactive only if both entries say so.

    Raises:
        ConfigError: the caller is in no organization, or may not list its accounts.
        Unavailable: the listing did not come to its end, or held no account.
    """

    async def fetch(token: str | None) -> Page[AccountTypeDef]:
        async def attempt() -> Page[AccountTypeDef]:
            with sdk_errors():
                if token is None:
                    answer = await client.list_accounts(MaxResults=PAGE_SIZE)
                else:
                    answer = await client.list_accounts(MaxResults=PAGE_SIZE, NextToken=token)
            accounts = require_members(answer, "Accounts")["Accounts"]
            if not all(account.get("Id") for account in accounts):
                raise NoResponse(ConnectionFailure.CONNECTION, "the answer lists an account without an id")
            return Page(accounts, answer.get("NextToken"))

        return await pipeline.call(LIST_ACCOUNTS, caller.target, attempt, counts=counts)

    active: dict[str, Account] = {}
    inactive: dict[str, str] = {}
    async for page in pages(fetch, RULES, "The accounts of the organization"):
        for row in page:
            # AWS retires `Status` in favour of `State`.
            state = row.get("State") or row.get("Status") or ""
            if state in INACTIVE_STATES:
                inactive[row["Id"]] = state
            else:
                active.setdefault(row["Id"], Account(row["Id"], row.get("Name") or None))
    if not active:
        raise Unavailable(
            "organizations:ListAccounts gave no active account, though the caller's own must be one; try again later, "
            "or name the account ids with --accounts"
        )
    return OrganizationAccounts(
        list(active.values()), {account_id: state for account_id, state in inactive.items() if account_id not in active}
    )
