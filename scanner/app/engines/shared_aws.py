"""Shares what is opened of AWS among the bundles that a worker process reads at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from anyio.lowlevel import RunVar
from msgspec import Struct

from scanner.app.resume import ActiveScan
from scanner.app.worker_aws import OpenAws, WorkerAws, open_own_aws


class _Held(Struct):
    aws: WorkerAws
    stack: AsyncExitStack
    users: int = 0


class SharedAws:
    """Opens AWS with the first bundle of a scan and closes it with the last one.

    Bundles take targets of the same accounts and Regions. With clients and role sessions of its own, each would spend
    2 ms of CPU on every role, and 10 ms on every Region.
    """

    def __init__(self, open_aws: OpenAws = open_own_aws) -> None:
        self._open_aws = open_aws
        self._held: dict[str, _Held] = {}
        self._changing = anyio.Lock()

    @asynccontextmanager
    async def opened(self, scan: ActiveScan) -> AsyncIterator[WorkerAws]:
        """Yields AWS for a scan, all of whose bundles have the same settings; raises as `open_aws`."""
        async with self._changing:
            held = self._held.get(scan.scan_id) or await self._open(scan)
            held.users += 1
        try:
            yield held.aws
        finally:
            held.users -= 1
            with anyio.CancelScope(shield=True):  # closing a client has a deadline of its own
                async with self._changing:
                    if not held.users and self._held.pop(scan.scan_id, None) is not None:
                        await held.stack.aclose()

    async def _open(self, scan: ActiveScan) -> _Held:
        async with AsyncExitStack() as stack:
            aws = await stack.enter_async_context(self._open_aws(scan))
            self._held[scan.scan_id] = held = _Held(aws, stack.pop_all())
        return held


_of_loop: RunVar[SharedAws] = RunVar("_of_loop")


def shared_aws() -> SharedAws:
    """Returns what the bundles of this event loop share."""
    shared = _of_loop.get(None)
    if shared is None:
        shared = SharedAws()
        _of_loop.set(shared)
    return shared
