"""Runs the work of DuckDB in threads, stops it when its task is cancelled, and puts its errors into sentences."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock
from typing import TypeVar

import anyio
import duckdb
import pyarrow as pa
from anyio import to_thread

from scanner.core.errors import ConfigError, StoreError

_T = TypeVar("_T")
_INTERRUPT_EVERY_S = 0.02


async def interruptible(cursor: duckdb.DuckDBPyConnection, work: Callable[[], _T]) -> _T:
    """Runs DuckDB's work in a thread; if this task is cancelled the query is interrupted and then waited for.

    The thread is let go on cancellation and waited for here, as a task that is cancelled by asyncio itself, on
    Ctrl-C, leaves a shielded wait too.
    """
    claim, ended = Lock(), Event()

    def run() -> _T:
        if not claim.acquire(blocking=False):
            raise ConfigError("the query was cancelled before it began")
        try:
            return _translated(work)
        finally:
            ended.set()

    try:
        return await to_thread.run_sync(run, abandon_on_cancel=True)
    except anyio.get_cancelled_exc_class():
        # The side that takes the claim first decides: a query that has not started never will.
        if not claim.acquire(blocking=False):
            await _stop(cursor, ended)
        raise


async def _stop(cursor: duckdb.DuckDBPyConnection, ended: Event) -> None:
    with anyio.CancelScope(shield=True):
        # Again and again: an interrupt that comes just before the query starts is forgotten.
        while not ended.is_set():
            cursor.interrupt()
            await anyio.sleep(_INTERRUPT_EVERY_S)


def reading(work: Callable[[], _T]) -> _T:
    """Returns what this work reads of the store.

    Raises:
        StoreError: a file cannot be read.
        ConfigError: the tables do not fit into memory.
    """
    try:
        return work()
    except (duckdb.IOException, pa.ArrowException, OSError) as error:
        raise StoreError(unreadable(error)) from error
    except duckdb.OutOfMemoryException as error:
        raise ConfigError(f"{sentence('the tables need more memory', error)}; raise views.memory_mb") from error


def _translated(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except duckdb.IOException as error:
        raise StoreError(unreadable(error)) from error
    except duckdb.OutOfMemoryException as error:
        raise ConfigError(f"{sentence('the query needs more memory', error)}; raise views.memory_mb") from error
    # Errors that come up while rows are read reach us through Arrow, as its own.
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise ConfigError(sentence("the query failed", error)) from error


def unreadable(error: Exception) -> str:
    """Returns what to tell where a file of the store cannot be read."""
    return (
        f"{sentence('the store cannot be queried', error)}; see which files are damaged with `patchsweep scans verify`"
    )


def sentence(what: str, error: Exception) -> str:
    """Returns what happened, with the first line of DuckDB's own text."""
    return f"{what}: {str(error).partition(chr(10))[0]}"
