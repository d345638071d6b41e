"""The SSM clients of a run, one a Region."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from scanner.aws.sdk.session import Sessions

if TYPE_CHECKING:
    from types_aiobotocore_ssm import SSMClient


class RegionClients:
    """Opens a client when its Region is first read; all accounts share it and its connections."""

    def __init__(self, sessions: Sessions, stack: AsyncExitStack) -> None:
        self._sessions = sessions
        self._stack = stack
        self._clients: dict[str, SSMClient] = {}
        self._opening = anyio.Lock()

    async def of(self, region: str) -> SSMClient:
        async with self._opening:
            if region not in self._clients:
                self._clients[region] = await self._stack.enter_async_context(self._sessions.ssm(region))
            return self._clients[region]


@asynccontextmanager
async def region_clients(sessions: Sessions) -> AsyncIterator[RegionClients]:
    """Clients for as many Regions as are asked for; closed at the end."""
    async with AsyncExitStack() as stack:
        yield RegionClients(sessions, stack)
