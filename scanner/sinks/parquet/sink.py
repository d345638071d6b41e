"""`parquet:DIR` and `parquet:s3://bucket/prefix`: scans side by side, by day, as Athena, DuckDB and Spark read them.

    patches/scan_date=YYYY-MM-DD/<scan_id>-00000.parquet    and so on: nodes, targets, scans

Files of about 128 MB, sorted by account, Region and node. A scan whose `scans` file is there is there whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, count
from pathlib import Path
from threading import Lock
from typing import ClassVar

import pyarrow as pa
from anyio import to_thread

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ConfigError, StoreError
from scanner.core.interfaces import Files, NodeBatch, ScanSummary, Sink
from scanner.core.model import EpochMs
from scanner.core.repeated import coded
from scanner.files.write_test import probe
from scanner.sinks.context import SinkContext
from scanner.sinks.errors import as_sink_error, disk_errors
from scanner.sinks.held_rows import FEW_ROWS, HeldRows
from scanner.sinks.parquet.layout import check_scan_id, part_name
from scanner.sinks.parquet.part_files import MAX_FILE_BYTES, ROW_GROUP_ROWS, write_parts
from scanner.sinks.parquet.published import Publication
from scanner.sinks.parquet.sorted_rows import KeyRange, SortedRows
from scanner.sinks.path_checks import checked_folder
from scanner.sinks.temporary_folder import TemporaryFolder

#: Of each table, in memory: 15 MB of patches, and twice as much again while they are sorted and written.
_MAX_ROWS_HELD = 125_000
#: One batch may be taken while the rows before it are sorted: more would wait for Python's lock.
_WRITES_AT_ONCE = 2
#: Files that are merged and compressed side by side at the commit, if there are so many cores.
_FILES_AT_ONCE = 4
_ROWS_A_FILE = 2_000_000  # fewer are not worth a file of their own
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
    writes_at_once: int = _WRITES_AT_ONCE

    def __init__(
        self,
        files: Files,
        scan_id: str,
        *,
        max_rows_held: int = _MAX_ROWS_HELD,
        max_file_bytes: int = MAX_FILE_BYTES,
        rows_a_file: int = _ROWS_A_FILE,
    ) -> None:
        check_scan_id(scan_id)
        self._files = files
        self._scan_id = scan_id
        self._publication = Publication(files, scan_id)
        self._folder = TemporaryFolder()
        self._max_rows_held = max_rows_held
        self._max_file_bytes = max_file_bytes
        self._rows_a_file = rows_a_file
        self._lock = Lock()
        self._held = HeldRows(min(FEW_ROWS, max_rows_held))
        self._rows: dict[str, SortedRows] = {}

    async def write(self, batch: NodeBatch) -> None:
        await to_thread.run_sync(self._take, batch)

    async def commit(self, scan: ScanSummary) -> None:
        ready = await self._finish(scan)
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
            with self._lock:
                tables = list(self._held.add(batch.tables()))
            self._add(tables)

    def _take_rest(self) -> None:
        with self._writing():
            self._add(self._held.rest())

    def _add(self, tables: Iterable[tuple[str, pa.Table]]) -> None:
        for name, table in tables:
            self._rows_of(name).add(table)

    def _rows_of(self, name: str) -> SortedRows:
        with self._lock:
            if name not in self._rows:
                file = self._folder.path(f"{name}.arrow")
                self._rows[name] = SortedRows(file, self._max_rows_held)
            return self._rows[name]

    async def _finish(self, scan: ScanSummary) -> dict[str, Path]:
        """Writes every file of the scan; returns the files by the names they will have."""
        await to_thread.run_sync(self._take_rest)
        ready: dict[str, Path] = {}
        for name, rows in self._rows.items():
            ranges = rows.ranges(min(_FILES_AT_ONCE, len(os.sched_getaffinity(0))), self._rows_a_file)
            write = partial(to_thread.run_sync, partial(self._write_range, name, rows))
            parts = await map_bounded(write, enumerate(ranges), len(ranges))
            ready |= self._named(name, chain.from_iterable(parts), scan.scan.started_at)
        for name, table in scan.tables().items():
            files = await to_thread.run_sync(self._parts, name, [coded(table)])
            ready |= self._named(name, files, scan.scan.started_at)
        return ready

    def _write_range(self, name: str, rows: SortedRows, numbered: tuple[int, KeyRange]) -> list[Path]:
        number, keys = numbered
        return self._parts(f"{name}-{number}", rows.read(ROW_GROUP_ROWS, keys))

    def _parts(self, name: str, tables: Iterable[pa.Table]) -> list[Path]:
        with self._writing():
            paths = (self._folder.path(f"{name}-{number}.parquet") for number in count())
            return list(write_parts(tables, paths, self._max_file_bytes))

    def _named(self, name: str, parts: Iterable[Path], started_at: EpochMs) -> dict[str, Path]:
        return {part_name(name, started_at, self._scan_id, number): part for number, part in enumerate(parts)}

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with disk_errors("write the temporary files for", Path(self._files.url)):
            yield

    def _remove_temporary_files(self) -> None:
        self._rows = {}
        with disk_errors("remove the temporary files for", Path(self._files.url)):
            self._folder.remove()
