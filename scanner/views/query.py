"""SQL over committed scans: read-only, streamed, stopped at once when its task is cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import anyio
import duckdb
import pyarrow as pa
from anyio import to_thread

from scanner.errors import ConfigError, PatchsweepError, StoreError
from scanner.model import ScanRow
from scanner.views.database import open_database, select_only

Parameters = Mapping[str, str | int | float | bool | list[str] | None]
"""Values for `$name` in the SQL."""

_T = TypeVar("_T")
_BATCH_ROWS = 10_000


class Rows:
    """The answer to a query, one record batch after another; times are UTC."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader) -> None:
        self._cursor = cursor
        self._reader = reader
        self.schema: pa.Schema = reader.schema

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        batch = await _interruptible(self._cursor, partial(next, self._reader, None))
        if batch is None:
            raise StopAsyncIteration
        return batch


class Views:
    """The open views `patches`, `nodes`, `targets` and `scans`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def run(self, sql: str, parameters: Parameters | None = None) -> AsyncIterator[Rows]:
        """Run one SELECT; its rows can be read while the block runs.

        Raises:
            ConfigError: it is no single SELECT, or DuckDB refuses it; the text has DuckDB's first line.
            StoreError: a file of the store cannot be read.
        """
        cursor = self._connection.cursor()
        try:
            yield Rows(cursor, await _interruptible(cursor, partial(_reader, cursor, sql, parameters)))
        finally:
            cursor.close()

    async def fetch(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        """The whole answer to one SELECT as a table; raises as `run` does."""
        async with self.run(sql, parameters) as rows:
            return pa.Table.from_batches([batch async for batch in rows], rows.schema)


@asynccontextmanager
async def open_views(
    scans: Sequence[ScanRow], segments: Sequence[Path], targets: Sequence[Path]
) -> AsyncIterator[Views]:
    """The views over these scans, whose segments and targets files lie at these absolute paths.

    Raises:
        StoreError: a file cannot be read.
    """
    with TemporaryDirectory(prefix="patchsweep-", ignore_cleanup_errors=True) as spill:
        try:
            connection = await to_thread.run_sync(partial(open_database, scans, segments, targets, Path(spill)))
        except duckdb.Error as error:
            raise StoreError(_sentence("the store cannot be queried", error)) from error
        try:
            yield Views(connection)
        finally:
            connection.close()


def _reader(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters | None) -> pa.RecordBatchReader:
    select = select_only(cursor, sql)
    if select is None:
        raise ConfigError("a query has to be one SELECT over patches, nodes, targets and scans: nothing else is run")
    relation = cursor.sql(select, params=dict(parameters) if parameters else None)
    # DuckDB 2 renamed the method.
    read = relation.to_arrow_reader if hasattr(relation, "to_arrow_reader") else relation.fetch_record_batch
    return read(_BATCH_ROWS)


async def _interruptible(cursor: duckdb.DuckDBPyConnection, work: Callable[[], _T]) -> _T:
    """Do DuckDB's work in a thread; if this task is cancelled the query is interrupted and then waited for."""
    ended = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(_interrupt_when_cancelled, cursor, ended)
        try:
            result = await to_thread.run_sync(_caught, work)
        finally:
            ended.set()
        group.cancel_scope.cancel()
    if isinstance(result, PatchsweepError):
        raise result
    return result


async def _interrupt_when_cancelled(cursor: duckdb.DuckDBPyConnection, ended: anyio.Event) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            # Again and again: an interrupt that comes just before the query starts is forgotten.
            while not ended.is_set():
                cursor.interrupt()
                with anyio.move_on_after(0.02):
                    await ended.wait()


def _caught(work: Callable[[], _T]) -> _T | PatchsweepError:
    """The result or the user's error, as a value: raised inside the task group it would come out in a group."""
    try:
        return work()
    except ConfigError as error:
        return error
    except duckdb.IOException as error:
        return StoreError(_sentence("the store cannot be queried", error))
    # Errors that come up while rows are read reach us through Arrow, as its own.
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        return ConfigError(_sentence("the query failed", error))


def _sentence(what: str, error: Exception) -> str:
    return f"{what}: {str(error).partition(chr(10))[0]}"
