"""Reads the nodes of one target side by side, in the order in which they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio.abc import TaskGroup

from scanner.scan.node_attempt import NodeAttempt


class _Round:
    """Nodes that are waited for together; `is_over` is set when the last one has been read."""

    def __init__(self, nodes: int) -> None:
        self._left = nodes
        self.is_over = anyio.Event()

    def end_one(self) -> None:
        self._left -= 1
        if not self._left:
            self.is_over.set()


class NodeReaders:
    """Takes nodes from several batches; nodes that came first are read first.

    A task goes on with the next node that waits, whichever batch it is of. A task for each node, with all that anyio
    keeps of one, would take as long as decoding one of its pages.

    Args:
        read: reads one node.
        most: how many nodes are read at once.
        tasks: the group that the readers run in; an error of one ends it.
    """

    def __init__(self, read: Callable[[NodeAttempt], Awaitable[None]], most: int, tasks: TaskGroup) -> None:
        self._read = read
        self._most = most
        self._tasks = tasks
        self._running = 0
        self._waiting: deque[tuple[NodeAttempt, _Round]] = deque()

    async def read_all(self, attempts: Sequence[NodeAttempt]) -> None:
        """Returns when each of these nodes, at least one, has been read."""
        this_round = _Round(len(attempts))
        self._waiting.extend((attempt, this_round) for attempt in attempts)
        for _ in range(min(len(attempts), self._most - self._running)):
            self._running += 1
            self._tasks.start_soon(self._read_in_turn)
        await this_round.is_over.wait()

    async def _read_in_turn(self) -> None:
        while self._waiting:
            attempt, its_round = self._waiting.popleft()
            await self._read(attempt)
            its_round.end_one()
        self._running -= 1
