"""Runs work over many items with a bound on how many at once."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import chain, islice
from typing import Generic, TypeVar

import anyio

from scanner.core.errors import PatchsweepError

T = TypeVar("T")
R = TypeVar("R")


async def map_bounded(work: Callable[[T], Awaitable[R]], items: Iterable[T], at_once: int) -> list[R]:
    """Calls `work` for each item in their order, `at_once` at a time; returns the results in that order.

    One worker takes item after item: 17,000 tasks behind a limiter took 20 times longer (1.2 s against 0.06 s).

    Raises:
        PatchsweepError: the first that `work` raised; the other calls were cancelled.
    """
    results: dict[int, R] = {}
    waiting = iter(enumerate(items))

    async def worker(first: tuple[int, T]) -> None:
        for number, item in chain([first], waiting):
            results[number] = await work(item)

    with unwrap_single_error():
        async with anyio.create_task_group() as workers:
            for first in islice(waiting, at_once):  # no more workers than items, however large the bound is
                workers.start_soon(worker, first)
    return [results[number] for number in range(len(results))]


@asynccontextmanager
async def map_ahead(
    work: Callable[[T], Awaitable[R]], items: Iterable[T], ahead: int
) -> AsyncIterator[AsyncGenerator[R, None]]:
    """Yields the results of `work` in the order of the items; `ahead` of them are made before they are taken.

    What `work` raises ends the block at once. The calls under way are cancelled when the block ends.
    """
    waiting = iter(items)
    started: deque[_Result[R]] = deque()

    async def fill(result: _Result[R], item: T) -> None:
        result.values.append(await work(item))
        result.is_there.set()

    async with anyio.create_task_group() as calls:

        def start(count: int) -> None:
            for item in islice(waiting, count):
                started.append(_Result())
                calls.start_soon(fill, started[-1], item)

        async def in_order() -> AsyncGenerator[R, None]:
            while started:
                result = started.popleft()
                await result.is_there.wait()
                start(1)
                yield result.values.pop()

        start(ahead)
        yield in_order()
        calls.cancel_scope.cancel()


class _Result(Generic[R]):
    """Holds a result from when it is there until it is taken."""

    def __init__(self) -> None:
        self.is_there = anyio.Event()
        self.values: list[R] = []


@contextmanager
def unwrap_single_error() -> Iterator[None]:
    """Raises the first error of a group that users or AWS caused; a group with a bug of our own stays as it is."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors, rest = group.split(PatchsweepError)
        if errors is None or rest is not None:
            raise
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from group
