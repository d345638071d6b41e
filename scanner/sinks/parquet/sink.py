"""`parquet:DIR` and `parquet:s3://bucket/prefix`: scans side by side, by day, as Athena, DuckDB and Spark read them.

    patches/scan_date=YYYY-MM-DD/<scan_id>-00000.parquet    and so on: nodes, targets, scans

Files of about 128 MB, sorted by account, Region and node. A scan whose `scans` file is there is there whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from anyio import to_thread

from scanner.core.errors import ConfigError, StoreError
from scanner.core.interfaces import Files, NodeBatch, ScanSummary, Sink
from scanner.core.model import EpochMs
from scanner.core.repeated import coded
from scanner.files.write_test import probe
from scanner.sinks.context import SinkContext
from scanner.sinks.errors import as_sink_error, disk_errors
from scanner.sinks.parquet.layout import check_scan_id, part_name
from scanner.sinks.parquet.part_files import MAX_FILE_BYTES, ROW_GROUP_ROWS, write_parts
from scanner.sinks.parquet.published import Publication
from scanner.sinks.parquet.sorted_rows import SortedRows
from scanner.sinks.path_checks import checked_folder
from scanner.sinks.temporary_folder import TemporaryFolder

#: Of each table, in memory: 60 MB of patches, and as much again while they are sorted.
_MAX_ROWS_HELD = 500_000
_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/.*)?\Z")


def parquet_sink(where: str, context: SinkContext) -> Sink:
    """Returns the sink, or raises `ConfigError` for a place that cannot work."""
    if "://" not in where:
        checked_folder(where, f"parquet:{where}")
    elif not _S3.match(where):
        raise ConfigError(f"the sink parquet:{where} needs a folder or s3://bucket/prefix")
    return ParquetSink(context.open_files(where), context.scan_id)


class ParquetSink:
    """Sorts the rows in a private temporary folder and puts the files in their places at the commit."""

    live: ClassVar[bool] = False

    def __init__(
        self,
        files: Files,
        scan_id: str,
        *,
        max_rows_held: int = _MAX_ROWS_HELD,
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        check_scan_id(scan_id)
        self._files = files
        self._scan_id = scan_id
        self._publication = Publication(files, scan_id)
        self._folder = TemporaryFolder()
        self._max_rows_held = max_rows_held
        self._max_file_bytes = max_file_bytes
        self._rows: dict[str, SortedRows] = {}

    async def write(self, batch: NodeBatch) -> None:
        await to_thread.run_sync(self._take, batch)

    async def commit(self, scan: ScanSummary) -> None:
        ready = await to_thread.run_sync(self._finish, scan)
        with as_sink_error(StoreError, str):
            await self._publication.replace(ready)

    async def probe(self) -> None:
        """Writes a small file, reads it back and removes it."""
        with as_sink_error(StoreError, str):
            await probe(self._files)

    async def forget(self) -> None:
        """Removes the files of the scan, the one that marks it as whole first."""
        with as_sink_error(StoreError, str):
            await self._publication.remove()

    async def aclose(self) -> None:
        await to_thread.run_sync(self._remove_temporary_files)
        with as_sink_error(StoreError, str):
            await self._publication.withdraw()

    def _take(self, batch: NodeBatch) -> None:
        with self._writing():
            for name, table in batch.tables().items():
                if name not in self._rows:
                    file = self._folder.path(f"{name}.arrow")
                    self._rows[name] = SortedRows(file, self._max_rows_held)
                self._rows[name].add(table)

    def _finish(self, scan: ScanSummary) -> dict[str, Path]:
        """Writes every file of the scan; returns the files by the names they will have."""
        ready: dict[str, Path] = {}
        with self._writing():
            for name, rows in self._rows.items():
                ready |= self._parts(name, rows.read(ROW_GROUP_ROWS), scan.scan.started_at)
            for name, table in scan.tables().items():
                ready |= self._parts(name, [coded(table)], scan.scan.started_at)
        return ready

    def _parts(self, name: str, tables: Iterable[pa.Table], started_at: EpochMs) -> dict[str, Path]:
        paths = (self._folder.path(f"{name}-{number}.parquet") for number in count())
        parts = write_parts(tables, paths, self._max_file_bytes)
        return {part_name(name, started_at, self._scan_id, number): part for number, part in enumerate(parts)}

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with disk_errors("write the temporary files for", Path(self._files.url)):
            yield

    def _remove_temporary_files(self) -> None:
        self._rows = {}
        with disk_errors("remove the temporary files for", Path(self._files.url)):
            self._folder.remove()
