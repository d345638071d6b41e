"""Reads a paginated listing to its end, whatever its tokens do on the way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar

from msgspec import Struct

from scanner.core.errors import PaginationBroken, Unavailable

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """One answer of a listing. An absent, null or empty token ends it; an empty page does not.

    A token of blanks is a token: AWS is asked to continue, and what it answers decides.
    """

    items: Sequence[T]
    next_token: str | None


class PagingRules(Struct, frozen=True):
    """When a listing counts as endless, and how often it is started again."""

    max_pages: int
    max_restarts: int
    max_empty_pages: int = 1_000  # in a row: pages without items must lead somewhere


async def pages(
    fetch: Callable[[str | None], Awaitable[Page[T]]], rules: PagingRules, name: str
) -> AsyncIterator[Sequence[T]]:
    """Yields the items, page by page. After a restart the earlier ones come again: the caller knows them by their ids.

    Raises:
        Unavailable: the pagination was broken once more than `max_restarts` allows; names the listing.
    """
    for start in range(rules.max_restarts + 1):
        try:
            async with aclosing(_read_once(fetch, rules)) as listing:
                async for items in listing:
                    yield items
        except PaginationBroken as error:
            if start == rules.max_restarts:
                raise Unavailable(
                    f"{name} cannot be listed to the end: {error} (started {start + 1} times); try again later",
                    code=error.code,
                ) from error
        else:
            return


async def _read_once(
    fetch: Callable[[str | None], Awaitable[Page[T]]], rules: PagingRules
) -> AsyncGenerator[Sequence[T], None]:
    token: str | None = None
    seen: set[str] = set()
    empty_pages = 0
    for _ in range(rules.max_pages):
        page = await fetch(token)
        token = page.next_token or None
        if token in seen:
            raise PaginationBroken("the same token came twice")
        yield page.items
        if token is None:
            return
        seen.add(token)
        empty_pages = 0 if page.items else empty_pages + 1
        if empty_pages >= rules.max_empty_pages:
            raise PaginationBroken(f"{empty_pages} empty pages in a row")
    raise PaginationBroken(f"no end after {rules.max_pages} pages")
