"""Groups delivered nodes into segments and writes each at a number of rows or after some seconds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio.abc import ObjectReceiveStream
from msgspec import Struct

from scanner.core.model import NodeScan

PutSegment = Callable[[Sequence[NodeScan]], Awaitable[None]]  # returns once these nodes are durable


class FlushRules(Struct, frozen=True):
    """When a segment is written: at this many rows, and after this many seconds at the latest."""

    rows: int
    interval_s: float


class _PendingNodes:
    """Holds the nodes of the next segment. Flushes run one at a time, and none is cancelled halfway."""

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

    async def flush_periodically(self) -> None:
        while True:
            await anyio.sleep(self._rules.interval_s)
            with anyio.CancelScope(shield=True):
                await self.flush()


async def write_segments(receive: ObjectReceiveStream[NodeScan], put: PutSegment, rules: FlushRules) -> None:
    """Writes every node that arrives until the stream ends; a slow `put` fills the stream and so slows the readers.

    The caller closes the stream after the readers have ended: if it were closed here when `put` fails, they would raise
    an error of their own. The timer flushes from a task of its own: a time-out around `receive` could lose a node.
    """
    pending = _PendingNodes(put, rules)
    async with anyio.create_task_group() as timer:
        timer.start_soon(pending.flush_periodically)
        async for scan in receive:
            await pending.add(scan)
        await pending.flush()
        timer.cancel_scope.cancel()
