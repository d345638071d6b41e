"""A folder that holds one scan as one text file a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from anyio import to_thread
from msgspec import Struct

from scanner.core.interfaces import NodeBatch, ScanSummary
from scanner.core.tables import TABLES
from scanner.sinks.errors import disk_errors
from scanner.sinks.folder.staging import StagedFiles
from scanner.sinks.held_rows import HeldRows


class TextForm(Struct, frozen=True):
    """How a table is written as text."""

    suffix: str
    #: What a file begins with.
    head: Callable[[pa.Schema], bytes]
    #: For a table's name and schema, what turns its rows into lines, many at a time.
    encoder: Callable[[str, pa.Schema], Callable[[pa.Table], Iterator[pa.Buffer]]]

    @property
    def files(self) -> dict[str, str]:
        """Returns the name of each table's file; the last one marks the folder as whole."""
        return {table: f"{table}{self.suffix}" for table in TABLES}


class FolderSink:
    """One file for each table. A commit replaces the scan that stood there before.

    A folder with a `scans` file holds exactly that scan: that file is removed first and put back last.
    """

    live: ClassVar[bool] = False

    def __init__(self, folder: Path, form: TextForm) -> None:
        self._folder = folder
        self._form = form
        self._encoders = {name: form.encoder(name, schema) for name, schema in TABLES.items()}
        self._held = HeldRows()
        self._staged: StagedFiles | None = None

    async def write(self, batch: NodeBatch) -> None:
        await to_thread.run_sync(self._append, batch.tables())

    async def commit(self, scan: ScanSummary) -> None:
        await to_thread.run_sync(self._append, scan.tables())
        await to_thread.run_sync(self._write, self._held.rest())
        await to_thread.run_sync(self._publish)

    async def probe(self) -> None:
        """Begins every file in a staging folder and removes it again."""
        await to_thread.run_sync(self._begin)
        await to_thread.run_sync(self._discard)

    async def aclose(self) -> None:
        await to_thread.run_sync(self._discard)

    def _begin(self) -> None:
        with disk_errors("write in", self._folder):
            self._staged = self._staged or self._start()

    def _append(self, tables: Mapping[str, pa.Table]) -> None:
        self._write(self._held.add(tables))

    def _write(self, tables: Iterable[tuple[str, pa.Table]]) -> None:
        with disk_errors("write in", self._folder):
            staged = self._staged = self._staged or self._start()
            for name, table in tables:
                for lines in self._encoders[name](table):
                    staged.append(self._form.files[name], lines)

    def _start(self) -> StagedFiles:
        staged = StagedFiles(self._folder, list(self._form.files.values()))
        for name, schema in TABLES.items():
            staged.append(self._form.files[name], self._form.head(schema))
        return staged

    def _publish(self) -> None:
        assert self._staged is not None
        with disk_errors("replace the files of", self._folder):
            self._staged.publish()

    def _discard(self) -> None:
        if self._staged is not None:
            self._staged.discard()
            self._staged = None
