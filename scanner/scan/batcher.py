"""Gathers delivered nodes into segments and hands each on, by rows or by time, whichever comes first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio.abc import ObjectReceiveStream
from msgspec import Struct

from scanner.core.model import NodeScan

PutSegment = Callable[[Sequence[NodeScan]], Awaitable[None]]
"""Makes these nodes durable; returns when they are."""


class FlushRules(Struct, frozen=True):
    """When a segment is full: at so many rows, and at the latest after so many seconds."""

    rows: int
    interval_s: float


class _Gathered:
    """The nodes of the next segment. Only one flush runs at a time, and none is cut short."""

    def __init__(self, put: PutSegment, rules: FlushRules) -> None:
        self._put = put
        self._rules = rules
        self._lock = anyio.Lock()
        self._scans: list[NodeScan] = []
        self._rows = 0

    async def add(self, scan: NodeScan) -> None:
        self._scans.append(scan)
        # A node costs a row of its own, so that nodes without patches fill a segment too.
        self._rows += 1 + len(scan.patches)
        if self._rows >= self._rules.rows:
            await self.flush()

    async def flush(self) -> None:
        async with self._lock:
            scans, self._scans, self._rows = self._scans, [], 0
            if scans:
                await self._put(scans)

    async def flush_now_and_then(self) -> None:
        while True:
            await anyio.sleep(self._rules.interval_s)
            with anyio.CancelScope(shield=True):
                await self.flush()


async def write_segments(receive: ObjectReceiveStream[NodeScan], put: PutSegment, rules: FlushRules) -> None:
    """Write every node that arrives until the stream ends; a slow `put` fills the stream and so slows the readers.

    The caller closes the stream, and not before the readers are gone: were it closed here when `put` fails, they
    would take that for a fault of their own. The timer flushes from a task of its own: a time-out around `receive`
    could lose the node it was about to give.
    """
    patch_rows_of = _Gathered(put, rules)
    async with anyio.create_task_group() as timer:
        timer.start_soon(patch_rows_of.flush_now_and_then)
        async for scan in receive:
            await patch_rows_of.add(scan)
        await patch_rows_of.flush()
        timer.cancel_scope.cancel()
