"""`duckdb:FILE`: the four tables in one DuckDB database, scan by scan."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from anyio import to_thread

from scanner.core.column import TIME
from scanner.core.errors import ConfigError, SinkError
from scanner.core.interfaces import NodeBatch, ScanSummary, Sink
from scanner.core.tables import TABLES
from scanner.sinks.context import SinkContext
from scanner.sinks.path_checks import as_sink_error, checked_file
from scanner.sinks.temporary_folder import TemporaryFolder

_MAGIC = b"DUCK"
_MAGIC_AT = 8  # behind a checksum: https://duckdb.org/docs/stable/internals/storage
_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    TIME: "TIMESTAMP WITH TIME ZONE",
    pa.list_(pa.string()): "VARCHAR[]",
}
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def duckdb_sink(where: str, context: SinkContext) -> Sink:
    """The sink, or `ConfigError` for a file that is no DuckDB database or cannot be made."""
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
    """Spools the rows and adds them in one transaction at the commit, so the database is locked for a moment only."""

    live: ClassVar[bool] = False

    def __init__(self, file: Path, scan_id: str) -> None:
        self._file = file
        self._scan_id = scan_id
        self._folder = TemporaryFolder()
        self._spooled: dict[str, Path] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    async def write(self, batch: NodeBatch) -> None:
        await to_thread.run_sync(self._append, batch.tables())

    async def commit(self, scan: ScanSummary) -> None:
        await to_thread.run_sync(self._append, scan.tables())
        await to_thread.run_sync(self._publish)

    async def aclose(self) -> None:
        await to_thread.run_sync(self._discard)

    def _append(self, tables: Mapping[str, pa.Table]) -> None:
        with as_sink_error("spool the rows of", self._file):
            for name, table in tables.items():
                if name not in self._writers:
                    path = self._spooled[name] = self._folder.path(f"{name}.parquet")
                    self._writers[name] = pq.ParquetWriter(path, TABLES[name], compression="zstd")
                self._writers[name].write_table(table)

    def _publish(self) -> None:
        is_new = not self._file.exists()
        try:
            self._close_writers()
            self._file.parent.mkdir(0o700, parents=True, exist_ok=True)
            with closing(duckdb.connect(self._file, config=_CONFIG)) as database:
                if is_new:
                    self._file.chmod(0o600)
                _replace_scan(database, self._scan_id, self._spooled)
        except (duckdb.Error, OSError) as error:
            if is_new:
                with suppress(OSError):  # what refused the file may refuse its removal
                    self._file.unlink(missing_ok=True)
            why = str(error).partition("\n")[0]
            raise SinkError(
                f"cannot add the scan to {self._file}: {why}; put that right, then send it again with publish"
            ) from error

    def _close_writers(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()

    def _discard(self) -> None:
        with suppress(OSError):  # a full disk refuses the end of a file that is not wanted any more
            self._close_writers()
        self._folder.remove()


def _replace_scan(database: duckdb.DuckDBPyConnection, scan_id: str, spooled: Mapping[str, Path]) -> None:
    database.begin()
    for name, schema in TABLES.items():
        columns = ", ".join(f'"{field.name}" {_TYPES[field.type]}' for field in schema)
        database.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        database.execute(f"DELETE FROM {name} WHERE scan_id = ?", [scan_id])  # noqa: S608  # a name of our own
        if name in spooled:
            rows = "SELECT * FROM read_parquet(?)"
            database.execute(f"INSERT INTO {name} BY NAME {rows}", [str(spooled[name])])
    database.commit()
