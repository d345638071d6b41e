"""Gives each batch of a stored scan to every sink; one that takes several at a time has as many writers."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import ExitStack

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from scanner.core.errors import SinkError
from scanner.core.interfaces import NodeBatch
from scanner.sinks.fan_out import GuardedSinks


async def feed(batches: AsyncIterable[NodeBatch], sinks: GuardedSinks) -> None:
    """Writes every batch to every sink; a sink that fails is dropped and named, and the others go on.

    A sink with one writer gets the batches in their order. The next batch is read while sinks write: besides it each
    writer has one batch in hand, and no more are in memory. Nothing is read once no sink is left. What the
    reading raises comes out as it is when the writers have ended.
    """
    unread: list[Exception] = []
    async with anyio.create_task_group() as group:
        with ExitStack() as open_feeds:
            feeds = {}
            for name in sinks.names:
                send, receive = anyio.create_memory_object_stream[NodeBatch]()
                feeds[name] = open_feeds.enter_context(send)
                group.start_soon(_write_all, sinks, name, receive)
            try:
                await _hand_out(batches, feeds)
            except Exception as error:  # noqa: BLE001 - raised below, and not in a group
                unread.append(error)
    if unread:
        raise unread[0]


async def _hand_out(batches: AsyncIterable[NodeBatch], feeds: dict[str, MemoryObjectSendStream[NodeBatch]]) -> None:
    async for batch in batches:
        for name in list(feeds):
            if not await _give(feeds[name], batch):
                del feeds[name]
        if not feeds:
            break


async def _give(send: MemoryObjectSendStream[NodeBatch], batch: NodeBatch) -> bool:
    """Returns whether the sink still takes batches."""
    try:
        await send.send(batch)
    except anyio.BrokenResourceError:
        return False
    return True


async def _write_all(sinks: GuardedSinks, name: str, receive: MemoryObjectReceiveStream[NodeBatch]) -> None:
    """Writes what comes; the first failure stops the other writers of the sink before it is closed."""
    failures: list[SinkError] = []

    async def write_some(own: MemoryObjectReceiveStream[NodeBatch]) -> None:
        with own:
            async for batch in own:
                failure = await sinks.write_to(name, batch)
                if failure is not None:
                    failures.append(failure)
                    writers.cancel_scope.cancel()

    async with anyio.create_task_group() as writers:
        with receive:
            for _ in range(sinks.writes_at_once(name)):
                writers.start_soon(write_some, receive.clone())
    if failures:
        await sinks.drop(name, failures[0])
