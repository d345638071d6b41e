"""`parquet:DIR` and `parquet:s3://bucket/prefix`: scans side by side in a Hive layout, as Athena and DuckDB read it.

    patches/account_id=…/region=…/<scan_id>-00000.parquet    targets/<scan_id>.parquet
    nodes/account_id=…/region=…/<scan_id>-00000.parquet      scans/<scan_id>.parquet

A scan whose `scans` file is there is there whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from anyio import to_thread

from scanner.core.errors import ConfigError, SinkError, StoreError
from scanner.core.interfaces import Files, NodeBatch, ScanSummary, Sink
from scanner.files.write_test import probe
from scanner.sinks.context import SinkContext
from scanner.sinks.parquet.partitions import Partition, PartitionBuffer, split
from scanner.sinks.parquet.published import Publication
from scanner.sinks.path_checks import as_sink_error, checked_folder
from scanner.sinks.temporary_folder import Spool

_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/.*)?\Z")
_SCAN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_MAX_BUFFERED_ROWS = 250_000


def parquet_sink(where: str, context: SinkContext) -> Sink:
    """The sink, or `ConfigError` for a place that cannot work."""
    if "://" not in where:
        checked_folder(where, f"parquet:{where}")
    elif not _S3.match(where):
        raise ConfigError(f"the sink parquet:{where} needs a folder or s3://bucket/prefix")
    return ParquetSink(context.open_files(where), context.scan_id)


class ParquetSink:
    """Collects the files in a private temporary folder and puts them in their places at the commit."""

    live: ClassVar[bool] = False

    def __init__(self, files: Files, scan_id: str, max_buffered_rows: int = _MAX_BUFFERED_ROWS) -> None:
        if not _SCAN_ID.match(scan_id):
            raise ConfigError(f"the scan id {scan_id!r} cannot be a part of a file's name")
        self._files = files
        self._scan_id = scan_id
        self._publication = Publication(files, scan_id)
        self._buffer = PartitionBuffer(max_buffered_rows)
        self._spool = Spool()
        self._sequence: Counter[Partition] = Counter()
        self._ready: dict[str, Path] = {}

    async def write(self, batch: NodeBatch) -> None:
        await to_thread.run_sync(self._take, batch)

    async def commit(self, scan: ScanSummary) -> None:
        mark = f"scans/{self._scan_id}.parquet"
        await to_thread.run_sync(self._finish, scan, mark)
        with _as_sink_error():
            await self._publication.replace(self._ready, mark)

    async def probe(self) -> None:
        with _as_sink_error():
            await probe(self._files)

    async def aclose(self) -> None:
        await to_thread.run_sync(self._spool.remove)
        with _as_sink_error():
            await self._publication.withdraw()

    def _take(self, batch: NodeBatch) -> None:
        for name, table in batch.tables().items():
            for partition, rows in split(name, table):
                self._buffer.add(partition, rows)
        self._save_parts(self._buffer.overflow())

    def _finish(self, scan: ScanSummary, mark: str) -> None:
        self._save_parts(self._buffer.rest())
        self._save(f"targets/{self._scan_id}.parquet", scan.targets)
        self._save(mark, scan.scans)

    def _save_parts(self, parts: Iterator[tuple[Partition, pa.Table]]) -> None:
        for partition, table in parts:
            self._save(f"{partition.folder}/{self._scan_id}-{self._sequence[partition]:05d}.parquet", table)
            self._sequence[partition] += 1

    def _save(self, name: str, table: pa.Table) -> None:
        with as_sink_error("write the temporary file for", Path(name)):
            path = self._spool.path(f"{len(self._ready)}.parquet")
            pq.write_table(table, path, compression="zstd")
        self._ready[name] = path


@contextmanager
def _as_sink_error() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise SinkError(str(error)) from error
