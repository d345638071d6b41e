"""Doing something with many things, several at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from scanner.core.errors import PatchsweepError

T = TypeVar("T")
R = TypeVar("R")


async def map_bounded(work: Callable[[T], Awaitable[R]], items: Iterable[T], at_once: int) -> list[R]:
    """What `work` gives for each item, in the order of the items, begun in that order, `at_once` at a time.

    Raises:
        PatchsweepError: the first that `work` raised; the others were cancelled.
    """
    results: dict[int, R] = {}
    waiting = iter(enumerate(items))

    async def worker() -> None:
        for number, item in waiting:
            results[number] = await work(item)

    with unwrap_single_error():
        async with anyio.create_task_group() as workers:
            for _ in range(at_once):
                workers.start_soon(worker)
    return [results[number] for number in range(len(results))]


@contextmanager
def unwrap_single_error() -> Iterator[None]:
    """Turn a group of errors that users or AWS caused into its first; a group with one of our bugs stays whole."""
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
