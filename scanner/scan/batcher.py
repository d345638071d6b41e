"""Groups delivered nodes into segments and writes each at a number of rows or after some seconds.

The outcome of a target comes after its last node, and is recorded after the segment that holds that node: a target that
is recorded as ended is whole in the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from msgspec import Struct

from scanner.core.model import NodeScan, TargetOutcome

#: Returns once these nodes are durable, and after them the outcomes of the targets that have ended.
PutSegment = Callable[[Sequence[NodeScan], Sequence[TargetOutcome]], Awaitable[None]]
Read = NodeScan | TargetOutcome
PutRead = Callable[[Read], Awaitable[None]]  # waits while the store is behind


class FlushRules(Struct, frozen=True):
    """When a segment is written: at this many rows or nodes, and after this many seconds at the latest."""

    rows: int
    interval_s: float
    nodes: int = 2_000  # a node that waits takes 3 kB, its rows aside


class _PendingNodes:
    """Holds the nodes of the next segment, and the targets that ended among them.

    Flushes run one at a time, and none is cancelled halfway.
    """

    def __init__(self, put: PutSegment, rules: FlushRules) -> None:
        self._put = put
        self._rules = rules
        self._lock = anyio.Lock()
        self._scans: list[NodeScan] = []
        self._ended: list[TargetOutcome] = []
        self._rows = 0

    async def add(self, read: Read) -> None:
        if isinstance(read, TargetOutcome):
            self._ended.append(read)
            return
        self._scans.append(read)
        # A node costs a row of its own, so that nodes without patches fill a segment too.
        self._rows += 1 + len(read.patches)
        if self._rows >= self._rules.rows or len(self._scans) >= self._rules.nodes:
            await self.flush()

    async def flush(self) -> None:
        async with self._lock:
            if self._scans or self._ended:
                # Nothing here holds on to the nodes, so that `put` can let their rows go once it has them in columns.
                await self._put(*self._take())

    def _take(self) -> tuple[list[NodeScan], list[TargetOutcome]]:
        scans, self._scans, self._rows = self._scans, [], 0
        ended, self._ended = self._ended, []
        return scans, ended

    async def flush_periodically(self) -> None:
        while True:
            await anyio.sleep(self._rules.interval_s)
            with anyio.CancelScope(shield=True):
                await self.flush()


async def write_segments(receive: MemoryObjectReceiveStream[Read], put: PutSegment, rules: FlushRules) -> None:
    """Writes all that arrives until the stream ends; a slow `put` fills the stream and so slows the readers.

    The caller closes the stream after the readers have ended: if it were closed here when `put` fails, they would raise
    an error of their own. The timer flushes from a task of its own: a time-out around `receive` could lose a node.
    """
    pending = _PendingNodes(put, rules)
    async with anyio.create_task_group() as timer:
        timer.start_soon(pending.flush_periodically)
        async for read in receive:
            await pending.add(read)
            # `receive` gives way to all other tasks for each node, which costs more than to add it.
            for waiting in _at_hand(receive):
                await pending.add(waiting)
        await pending.flush()
        timer.cancel_scope.cancel()


def _at_hand(receive: MemoryObjectReceiveStream[Read]) -> Iterator[Read]:
    """Yields what has arrived until nothing waits."""
    with suppress(anyio.WouldBlock, anyio.EndOfStream):
        while True:
            yield receive.receive_nowait()
