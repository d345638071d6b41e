"""Keeps the list of targets that a worker has open in the store, ahead of what it does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

import anyio
from msgspec import Struct

from scanner.app.slices import Slice
from scanner.core.errors import PatchsweepError, StoreError
from scanner.core.interfaces import Fleet, TargetReader
from scanner.core.model import EpochMs, Target
from scanner.store.open_targets import OpenTarget, OpenTargets
from scanner.store.scan_writer import ScanWriter

SPACING_S = 0.1  # between two writes: with hundreds of small targets a second each write names many of them
_DELETE_WITHIN_S = 5.0


class OpenJournal:
    """The targets that one worker has open. A target is named in the store before it is opened."""

    def __init__(self, writer: ScanWriter, part: Slice, interval_s: float) -> None:
        self._writer = writer
        self._part = part
        self._interval_s = interval_s
        self._open: dict[Target, EpochMs] = {}
        self._renewal = 0
        self._has_news = anyio.Event()
        self._is_written = anyio.Event()

    @asynccontextmanager
    async def opened(self, target: Target, *, alone: bool = False) -> AsyncIterator[None]:
        """Names the target while the block runs; the block begins when it stands in the store.

        Of a target that is read alone the name is gone from the store when this ends: the next one that is read alone
        in this process may be of another journal, and if it ends the process, it is the only one to blame. Other names
        stay until the next write, so such a target may be blamed for a neighbour, but only until it is read alone.
        """
        self._open[target] = int(time.time() * 1000)
        try:
            await self._next_write()
            yield
        except BaseException as error:
            # After a bug the list may be written once more before the worker ends, and has to name the target then.
            if not _is_a_bug(error):
                self._open.pop(target, None)
            raise
        self._open.pop(target, None)
        if alone:
            await self._next_write()

    async def _next_write(self) -> None:
        written = self._is_written
        self._has_news.set()
        await written.wait()

    async def keep(self) -> None:
        """Writes the list whenever a target is about to be opened, and as a sign of life, until it is cancelled."""
        while True:
            with anyio.move_on_after(self._interval_s):
                await self._has_news.wait()
            await self._write()
            await anyio.sleep(SPACING_S)

    async def _write(self) -> None:
        written, self._is_written, self._has_news = self._is_written, anyio.Event(), anyio.Event()
        targets = tuple(OpenTarget(each.account_id, each.region, since) for each, since in self._open.items())
        self._renewal += 1
        await self._writer.write_open(
            OpenTargets(self._writer.id, str(self._part), self._renewal, self._interval_s, targets)
        )
        written.set()

    async def close(self) -> None:
        """Deletes the list: this worker ends by itself, so that no target is to blame."""
        with anyio.move_on_after(_DELETE_WITHIN_S, shield=True), suppress(StoreError):
            await self._writer.delete_open([self._writer.id])


@asynccontextmanager
async def open_journal(writer: ScanWriter, part: Slice, interval_s: float) -> AsyncIterator[OpenJournal]:
    """Keeps a journal while the block runs. After a bug of our own it stays, like that of a process that was killed."""
    journal = OpenJournal(writer, part, interval_s)
    try:
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(journal.keep)
            yield journal
            keeping.cancel_scope.cancel()
    except BaseException as error:
        if not _is_a_bug(error):
            await journal.close()
        raise
    await journal.close()


def _is_a_bug(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_a_bug(inner) for inner in error.exceptions)
    return isinstance(error, Exception) and not isinstance(error, PatchsweepError)


class JournaledFleet(Struct, frozen=True):
    """A fleet whose targets are named in the journal of the worker while they are open.

    Those of `alone` are read one at a time.
    """

    fleet: Fleet
    journal: OpenJournal
    alone: Collection[Target] = ()

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[TargetReader]:
        """Opens one target; see `Fleet.open`."""
        async with self.journal.opened(target, alone=target in self.alone), self.fleet.open(target) as reader:
            yield reader
