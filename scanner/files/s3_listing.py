"""Follows a listing of S3 to its end, or says that it has none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

from scanner.core.errors import StoreError

if TYPE_CHECKING:
    from types_aiobotocore_s3.type_defs import ListObjectsV2OutputTypeDef


async def listed_pages(
    fetch: Callable[[str], Awaitable[ListObjectsV2OutputTypeDef]], url: str
) -> AsyncGenerator[ListObjectsV2OutputTypeDef, None]:
    """Yields the pages of a listing.

    Args:
        fetch: asks for the page of a continuation token, "" for the first.
        url: the place that is listed, for the error.

    Raises:
        StoreError: more follows, and the server does not say where. Servers do so that know the first version of this
            call only; files would be missed, or listed without end.
    """
    token = ""
    followed = {token}
    while True:
        page = await fetch(token)
        yield page
        token = page.get("NextContinuationToken") or ""
        if not token and not page.get("IsTruncated"):
            return
        if token in followed:
            raise StoreError(
                f"{url} cannot be listed to its end: the server says that more follows and gives no new continuation "
                "token; use a store that implements ListObjectsV2"
            )
        followed.add(token)
