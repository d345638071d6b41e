"""Bounds the targets that a worker process has open over all bundles it reads, each in a thread of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from threading import Lock

import anyio
from msgspec import Struct

from scanner.core.interfaces import Fleet, TargetReader
from scanner.core.model import Target


class _Waiter:
    """A target that waits for its turn. `is_let_in` is set by another thread, before the event is."""

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.is_let_in = False
        self._event = anyio.Event()
        self._loop = asyncio.get_running_loop()

    async def wait(self) -> None:
        await self._event.wait()

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)


class ProcessGate:
    """Lets targets in, in the order in which they came: up to `most` side by side, or one alone.

    A target that is read alone has the whole process for itself, so that no other is blamed if the process ends.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[_Waiter] = deque()
        self._open = 0
        self._is_alone = False
        self._most = 1

    @asynccontextmanager
    async def opened(self, most: int, *, alone: bool) -> AsyncIterator[None]:
        """Waits for the turn of a target, and counts it as open while the block runs."""
        waiter = _Waiter(alone=alone)
        with self._lock:
            self._most = most
            self._waiting.append(waiter)
            self._let_in()
        try:
            await waiter.wait()
            yield
        finally:
            with self._lock:
                if waiter.is_let_in:
                    self._open -= 1
                    self._is_alone = False
                else:
                    self._waiting.remove(waiter)
                self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._has_room(self._waiting[0]):
            waiter = self._waiting.popleft()
            self._open += 1
            self._is_alone = waiter.alone
            waiter.is_let_in = True
            waiter.wake()

    def _has_room(self, waiter: _Waiter) -> bool:
        if self._is_alone or (waiter.alone and self._open):
            return False
        return self._open < self._most


class GatedFleet(Struct, frozen=True):
    """A fleet whose targets wait for their turn at the gate of the process."""

    fleet: Fleet
    gate: ProcessGate
    most: int
    alone: Collection[Target]

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[TargetReader]:
        """Opens one target; see `Fleet.open`."""
        async with self.gate.opened(self.most, alone=target in self.alone), self.fleet.open(target) as reader:
            yield reader
