"""Lists the accounts of the organization.

Source: Organizations API reference, ListAccounts; `State` and `Paths` by the model of botocore 1.44. The pinned SDK
drops `Paths`, so the answer is decoded here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from scanner.aws.operations import LIST_ACCOUNTS
from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.caller import Caller
from scanner.aws.scope.targets import Account
from scanner.aws.sdk.transport import SdkTransport
from scanner.aws.transport import wire
from scanner.aws.transport.decoding import decode
from scanner.core.errors import Unavailable
from scanner.core.model import CallCounts

if TYPE_CHECKING:
    from types_aiobotocore_organizations import OrganizationsClient

PAGE_SIZE = 20  # the most that ListAccounts gives at once
RULES = PagingRules(max_pages=5_000, max_empty_pages=100, max_restarts=3)

#: The states in which AWS refuses every AssumeRole ("AccountState" of the Organizations model). An account in any
#: other state, a new or a missing one too, is asked: only what AWS says leaves an account out.
INACTIVE_STATES = ("SUSPENDED", "PENDING_CLOSURE", "CLOSED", "PENDING_ACTIVATION")


class _Row(Struct, rename="pascal"):
    """An account; all but its id may be of any type, since what cannot be read is what AWS does not give."""

    id: Annotated[str, Meta(pattern="^[0-9]{12}$")]  # of another text no role can be named
    name: object = None
    state: object = None
    status: object = None
    paths: object = None


class _Answer(Struct, rename="pascal"):
    accounts: list[_Row]
    next_token: str | None = None


_DECODER = msgspec.json.Decoder(_Answer)


class OrganizationAccounts(Struct, frozen=True):
    """The accounts to ask, and the inactive ones with their state."""

    active: list[Account]
    inactive: dict[Account, str]


async def organization_accounts(
    client: OrganizationsClient, caller: Caller, pipeline: RequestPipeline, counts: CallCounts
) -> OrganizationAccounts:
    """Lists every account, one page after the other: Organizations refuses requests that run side by side.

    An account that is listed twice is inactive only if both entries say so.

    Raises:
        ConfigError: the caller is in no organization, or may not list its accounts.
        Unavailable: the listing did not come to its end, or held no account.
    """
    transport = SdkTransport(client, None)

    async def fetch(token: str | None) -> Page[_Row]:
        async def attempt() -> Page[_Row]:
            payload = {"MaxResults": PAGE_SIZE, **({"NextToken": token} if token else {})}
            body = await transport.send(LIST_ACCOUNTS, payload)
            answer = wire.decode_answer(lambda raw: decode(_DECODER, raw), body, LIST_ACCOUNTS, caller.target)
            return Page(answer.accounts, answer.next_token)

        return await pipeline.call(LIST_ACCOUNTS, caller.target, attempt, counts=counts)

    active: dict[str, Account] = {}
    inactive: dict[str, tuple[Account, str]] = {}
    async for page in pages(fetch, RULES, "The accounts of the organization"):
        for row in page:
            # AWS retires `Status` in favour of `State`.
            state = _text(row.state) or _text(row.status) or ""
            account = Account(row.id, _text(row.name), _paths(row))
            if state in INACTIVE_STATES:
                inactive[row.id] = account, state
            else:
                active.setdefault(row.id, account)
    if not active:
        raise Unavailable(
            "organizations:ListAccounts gave no active account, though the caller's own must be one; try again later, "
            "or name the account ids with --accounts"
        )
    return OrganizationAccounts(
        list(active.values()), dict(entry for account_id, entry in inactive.items() if account_id not in active)
    )


def _text(member: object) -> str | None:
    return member if isinstance(member, str) and member else None


def _paths(row: _Row) -> tuple[str, ...]:
    """Returns the paths from the organization to the account's parent, `o-…/r-…/ou-…`; none where AWS gives none."""
    listed = row.paths if isinstance(row.paths, list) else []
    parts = [path.strip("/").split("/") for path in listed if isinstance(path, str)]
    return tuple("/".join(ids[:-1]) for ids in parts if ids[0].startswith("o-") and ids[-1] == row.id)
