"""SQL over committed scans: read-only, streamed, stopped at once when its task is cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Protocol

import duckdb
import pyarrow as pa
from anyio import to_thread

from scanner.core.coded_rows import NODE, coded_rows
from scanner.core.errors import ConfigError, StoreError
from scanner.core.relevant_rows import STATES
from scanner.core.scan_files import ScanFiles
from scanner.core.settings import ViewSettings
from scanner.core.tables import TABLE_NAMES
from scanner.reports.sql.chosen_rows import chosen_rows
from scanner.reports.sql.database import add_dpkg_order, add_tables, append_rows, keep_nodes, open_database, select_only
from scanner.reports.sql.interruptible import interruptible, reading, unreadable
from scanner.reports.sql.kept_rows import kept_rows
from scanner.reports.sql.numbered import COLUMNS, RELEVANT_ROWS, as_coded, numbered
from scanner.reports.sql.wanted_columns import wanted_columns

Parameters = Mapping[str, str | int | float | bool | list[str] | None]  # Values for `$name` in the SQL

_BATCH_ROWS = 10_000


class Fetcher(Protocol):
    """Whatever answers a SELECT over the tables of scans: `Views`, or a part of them."""

    async def fetch(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        """Returns the whole answer; raises as `Views.run` does."""

    async def number_patches(self) -> None:
        """Adds the tables of `scanner.reports.sql.numbered`; raises as `Views.run` does."""


class Rows:
    """The answer to a query, one record batch after another; times are UTC."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader) -> None:
        self._cursor = cursor
        self._reader = reader
        self.schema: pa.Schema = reader.schema

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        batch = await interruptible(self._cursor, partial(next, self._reader, None))
        if batch is None:
            raise StopAsyncIteration
        return batch


class Views:
    """The open views `patches`, `nodes`, `targets` and `scans`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: ScanFiles, spill: Path) -> None:
        self._connection = connection
        self._files = files
        self._spill = spill
        self._columns = files.columns
        self._has_numbers = False

    async def add_tables(self, tables: Mapping[str, pa.Table]) -> None:
        """Adds tables of our own beside the views, such as those of a feed, or replaces them."""
        await to_thread.run_sync(partial(add_tables, self._connection, tables))

    async def append_rows(self, name: str, rows: pa.Table) -> None:
        """Adds rows to a table of our own, which the first ones create.

        Raises:
            ConfigError: neither the memory nor the spill folder has room for them.
        """
        await to_thread.run_sync(partial(reading, partial(append_rows, self._connection, name, rows)))

    async def add_dpkg_order(self) -> None:
        """Adds the function `compare_dpkg(version, other)`: -1, 0 or 1 in dpkg's order, null for what is no version."""
        await to_thread.run_sync(partial(add_dpkg_order, self._connection))

    @property
    def scans(self) -> int:
        """Returns how many scans the views hold."""
        return len(self._files.scans)

    async def number_patches(self, scan_id: str | None = None, columns: Sequence[str] = COLUMNS) -> None:
        """Adds the tables of `numbered` with these columns, unless they are there already; raises as `run` does.

        They are of one scan: where the views hold several, `scan_id` says which.
        """
        if self._has_numbers:
            return
        scans = self._files.scans
        of_scan = scans[0].scan_id if len(scans) == 1 else scan_id
        kept, paths = self._files.relevant.get(of_scan or ""), self._files.patches_of(of_scan)
        if kept is not None:
            work = partial(kept_rows, kept, columns)
        elif self._files.nested or not paths:
            rows = await self.fetch(RELEVANT_ROWS, {"states": list(STATES), "scan_id": of_scan})
            work = partial(coded_rows, iter([as_coded(rows, (*NODE, *columns))]), columns)
        else:
            if self._columns is not None:
                await self._columns.bring("patches", (*NODE, *columns))
            work = partial(coded_rows, chosen_rows(paths, (*NODE, *columns), STATES), columns)
        tables = await to_thread.run_sync(reading, work, abandon_on_cancel=True)
        await self.add_tables(await to_thread.run_sync(numbered, tables))
        # Arrow keeps what it has freed, up to 100 MB here, beside what DuckDB takes from now on.
        pa.default_memory_pool().release_unused()
        self._has_numbers = True

    async def keep_nodes(self, columns: Sequence[str], scan_id: str) -> None:
        """Reads these columns of the scan's `nodes`, and its `tags`, once for all queries that follow.

        Other columns, and the nodes and tags of other scans, are gone.
        """
        if self._columns is not None:
            await self._columns.bring("nodes", (*columns, "tags"))
        kept = partial(keep_nodes, self._connection, self._files, self._spill, columns, scan_id)
        await to_thread.run_sync(reading, kept)

    @asynccontextmanager
    async def run(self, sql: str, parameters: Parameters | None = None) -> AsyncIterator[Rows]:
        """Runs one SELECT; its rows can be read while the block runs.

        Raises:
            ConfigError: it is no single SELECT, or DuckDB refuses it; the text has DuckDB's first line.
            StoreError: a file of the store cannot be read.
        """
        cursor = self._connection.cursor()
        try:
            if self._columns is not None:
                plan = await interruptible(cursor, partial(_plan, cursor, sql, parameters))
                for kind, names in wanted_columns(plan).items():
                    await self._columns.bring(kind, names)
            reader = await interruptible(cursor, partial(_reader, cursor, sql, parameters))
            try:
                yield Rows(cursor, reader)
            finally:
                # A reader that is closed with rows to come waits for all of them, unless the query was interrupted.
                cursor.interrupt()
                reader.close()
        finally:
            cursor.close()

    async def fetch(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        """Returns the whole answer to one SELECT as a table; raises as `run` does."""
        async with self.run(sql, parameters) as rows:
            return pa.Table.from_batches([batch async for batch in rows], rows.schema)


@asynccontextmanager
async def open_views(files: ScanFiles, limits: ViewSettings | None = None) -> AsyncIterator[Views]:
    """Yields the views over the scans of these files.

    Raises:
        StoreError: a file cannot be read, or nothing can be written to the spill folder.
    """
    limits = limits or ViewSettings()
    with _spill_folder(limits) as spill:
        try:
            connection = await to_thread.run_sync(partial(open_database, files, spill, limits.memory_mb))
        except duckdb.Error as error:
            raise StoreError(unreadable(error)) from error
        try:
            yield Views(connection, files, spill)
        finally:
            connection.close()


@contextmanager
def _spill_folder(limits: ViewSettings) -> Iterator[Path]:
    try:
        folder = TemporaryDirectory(prefix="patchsweep-", dir=limits.spill_folder, ignore_cleanup_errors=True)
    except OSError as error:
        place = limits.spill_folder or gettempdir()
        raise StoreError(f"cannot write to {place}: {error.strerror}; name another views.spill_folder") from error
    with folder as path:
        yield Path(path)


def _select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    select = select_only(cursor, sql)
    if select is None:
        raise ConfigError(f"a query has to be one SELECT over {TABLE_NAMES}: nothing else is run")
    return select


def _plan(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters | None) -> str:
    explain = f"EXPLAIN (FORMAT JSON) {_select(cursor, sql)}"
    ((_, plan),) = cursor.execute(explain, dict(parameters) if parameters else None).fetchall()
    return str(plan)


def _reader(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters | None) -> pa.RecordBatchReader:
    relation = cursor.sql(_select(cursor, sql), params=dict(parameters) if parameters else None)
    # DuckDB 2 has renamed the method, and streams where DuckDB 1 reads the answer whole.
    read = relation.to_arrow_reader if hasattr(relation, "to_arrow_reader") else relation.fetch_record_batch
    return read(_BATCH_ROWS)
