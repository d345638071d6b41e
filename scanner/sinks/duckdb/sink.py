"""The sink: collects the rows in a temporary folder and adds them to the database in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa
from anyio import to_thread

from scanner.core.errors import ConfigError, SinkError
from scanner.core.interfaces import NodeBatch, ScanSummary, Sink
from scanner.sinks.context import SinkContext
from scanner.sinks.duckdb.private_files import open_database
from scanner.sinks.duckdb.spooled_rows import SpooledRows
from scanner.sinks.duckdb.tables import describe_tables, replace_scan
from scanner.sinks.errors import disk_errors
from scanner.sinks.held_rows import HeldRows
from scanner.sinks.path_checks import checked_file
from scanner.sinks.staging_folder import StagingFolder, put_if_absent
from scanner.sinks.temporary_folder import TemporaryFolder

_MAGIC = b"DUCK"
_MAGIC_AT = 8  # behind a checksum: https://duckdb.org/docs/stable/internals/storage


def duckdb_sink(where: str, context: SinkContext) -> Sink:
    """Returns the sink, or raises `ConfigError` for a file that is no DuckDB database or cannot be made."""
    label = f"duckdb:{where}"
    file = checked_file(where, label)
    if file.exists() and not _is_database(file):
        raise ConfigError(f"the sink {label} needs a DuckDB database and {file} is none: choose another file")
    return DuckdbSink(file, context.scan_id)


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC
    except OSError as error:
        raise ConfigError(f"the sink duckdb:{file} cannot read its file: {error.strerror}") from error


class DuckdbSink:
    """Collects rows until the commit, so that the database is locked for a moment only."""

    live: ClassVar[bool] = False

    def __init__(self, file: Path, scan_id: str) -> None:
        self._file = file
        self._scan_id = scan_id
        self._folder = TemporaryFolder()
        self._held = HeldRows()
        self._rows = SpooledRows(self._folder)

    async def write(self, batch: NodeBatch) -> None:
        await to_thread.run_sync(self._append, batch.tables())

    async def commit(self, scan: ScanSummary) -> None:
        await to_thread.run_sync(self._append, scan.tables())
        await to_thread.run_sync(self._spool, self._held.rest())
        await to_thread.run_sync(self._publish)

    async def probe(self) -> None:
        """Adds an empty scan to the database, or to a new one in its folder, and takes it back."""
        await to_thread.run_sync(self._try_out)

    async def forget(self) -> None:
        """Removes the scan from the database, if there is one."""
        await to_thread.run_sync(self._remove_scan)

    async def aclose(self) -> None:
        await to_thread.run_sync(self._discard)

    def _append(self, tables: Mapping[str, pa.Table]) -> None:
        self._spool(self._held.add(tables))

    def _spool(self, tables: Iterable[tuple[str, pa.Table]]) -> None:
        with disk_errors("write the temporary files for", self._file):
            for name, table in tables:
                self._rows.append(name, table)

    def _publish(self) -> None:
        with _database_errors(self._file):
            self._rows.close()
            if self._file.exists() or not self._make_database():
                with open_database(self._file) as database:
                    self._add_scan(database)

    def _make_database(self) -> bool:
        """Makes a database with the scan and puts it in its place whole; False if another process was first."""
        staging = StagingFolder(self._file.parent)
        try:
            new = staging.path / self._file.name
            with open_database(new) as database:
                self._add_scan(database)
            is_in_place = put_if_absent(new, self._file)
            staging.finish()
        finally:
            staging.remove()
        return is_in_place

    def _add_scan(self, database: duckdb.DuckDBPyConnection) -> None:
        database.begin()
        replace_scan(database, self._scan_id, self._rows.readers())
        database.commit()
        with suppress(duckdb.Error):  # the scan is in the database; comments come with the next one
            describe_tables(database)

    def _try_out(self) -> None:
        with _database_errors(self._file):
            if self._file.exists():
                self._try_in(self._file)
                return
            staging = StagingFolder(self._file.parent)
            try:
                self._try_in(staging.path / self._file.name)
            finally:
                staging.remove()

    def _try_in(self, file: Path) -> None:
        with open_database(file) as database:
            database.begin()
            replace_scan(database, self._scan_id, [])
            database.rollback()

    def _remove_scan(self) -> None:
        if not self._file.exists():
            return
        with _database_errors(self._file, "remove the scan from"), open_database(self._file) as database:
            database.begin()
            replace_scan(database, self._scan_id, [])
            database.commit()

    def _discard(self) -> None:
        with suppress(OSError):  # a full disk refuses the end of a file that is not needed any more
            self._rows.close()
        self._folder.remove()


@contextmanager
def _database_errors(file: Path, what: str = "add the scan to") -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, OSError, SinkError) as error:
        why = str(error).partition("\n")[0]
        remedy = "send it again with: patchsweep publish" if what.startswith("add") else "run the command again"
        raise SinkError(f"cannot {what} {file}: {why}; correct that, then {remedy}") from error
