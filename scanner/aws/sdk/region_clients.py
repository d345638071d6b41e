"""Keeps the clients of one service for a run, one a Region."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Generic, TypeVar

import anyio

C = TypeVar("C")


class RegionClients(Generic[C]):
    """Opens a client when its Region is first needed; all accounts share it and its connections."""

    def __init__(self, open_client: Callable[[str], AbstractAsyncContextManager[C]], stack: AsyncExitStack) -> None:
        self._open_client = open_client
        self._stack = stack
        self._clients: dict[str, C] = {}
        self._opening = anyio.Lock()

    async def for_region(self, region: str) -> C:
        """Returns the client of a Region."""
        async with self._opening:
            if region not in self._clients:
                self._clients[region] = await self._stack.enter_async_context(self._open_client(region))
            return self._clients[region]


@asynccontextmanager
async def region_clients(
    open_client: Callable[[str], AbstractAsyncContextManager[C]],
) -> AsyncIterator[RegionClients[C]]:
    """Yields clients for as many Regions as are needed; they are closed at the end."""
    async with AsyncExitStack() as stack:
        yield RegionClients(open_client, stack)
