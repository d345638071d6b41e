"""The accounts of the organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.aws.operations import LIST_ACCOUNTS
from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.caller import Caller
from scanner.aws.scope.targets import Account
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.core.model import CallCounts

if TYPE_CHECKING:
    from types_aiobotocore_organizations import OrganizationsClient
    from types_aiobotocore_organizations.type_defs import AccountTypeDef

PAGE_SIZE = 20
"""The most that ListAccounts gives at once."""
RULES = PagingRules(max_pages=5_000, max_restarts=3)


async def active_accounts(
    client: OrganizationsClient, caller: Caller, pipeline: RequestPipeline, counts: CallCounts
) -> list[Account]:
    """Every account that can be signed in to, asked for one page after the other: Organizations minds haste.

    Raises:
        ConfigError: the caller is in no organization, or may not list its accounts.
        Unavailable: the listing did not come to its end.
    """

    async def fetch(token: str | None) -> Page[AccountTypeDef]:
        async def attempt() -> Page[AccountTypeDef]:
            with sdk_errors():
                if token is None:
                    answer = await client.list_accounts(MaxResults=PAGE_SIZE)
                else:
                    answer = await client.list_accounts(MaxResults=PAGE_SIZE, NextToken=token)
            return Page(require_members(answer, "Accounts")["Accounts"], answer.get("NextToken"))

        return await pipeline.call(LIST_ACCOUNTS, caller.target, attempt, counts=counts)

    listing = pages(fetch, RULES, "The accounts of the organization")
    found = [account async for page in listing for account in page if _is_active(account)]
    return [Account(account["Id"], account.get("Name") or None) for account in found]


def _is_active(account: AccountTypeDef) -> bool:
    """Whether roles in it can be assumed. AWS retires `Status` in favour of `State`."""
    state = account.get("State") or account.get("Status")
    return state == "ACTIVE"
