"""Brings the files of a scan that is stored elsewhere: their footers at once, their columns as queries want them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from anyio import to_thread
from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.interfaces import Files
from scanner.core.scan_files import FileKind
from scanner.store import hollow_file
from scanner.store.blocks import are_intact, whole_blocks
from scanner.store.hollow_file import Layout
from scanner.store.manifest import FileEntry
from scanner.store.segment_reader import DamagedFile, fetch

RANGES_AT_ONCE = 32  # each waits 30 ms on S3 for a few thousand bytes
_REMEDY = "; restore it, or scan again"


class _File(Struct):
    entry: FileEntry
    path: Path
    layout: Layout | None  # None: all of it is here
    brought: set[str]


class HollowCopy:
    """Implements `scanner.core.scan_files.ColumnSource` over ranged reads of a store."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._copies: dict[FileKind, list[_File]] = {}

    async def open(self, kind: FileKind, entries: Sequence[FileEntry]) -> tuple[Path, ...]:
        """Makes hollow copies of these files; returns where they are.

        Raises:
            DamagedFile: one is missing, or its footer is damaged.
        """
        copies = await map_bounded(self._opened, entries, RANGES_AT_ONCE)
        self._copies[kind] = copies
        return tuple(copy.path for copy in copies)

    async def bring(self, kind: FileKind, columns: Collection[str]) -> None:
        await map_bounded(partial(self._brought, frozenset(columns)), self._copies.get(kind, []), RANGES_AT_ONCE)

    async def _opened(self, entry: FileEntry) -> _File:
        path = self._folder / entry.name
        if entry.footer is None:
            # Nothing but the digest of the whole file shows whether it is what was written.
            data = await fetch(self._files, entry)
            await to_thread.run_sync(hollow_file.create, path, len(data), data)
            return _File(entry, path, None, set())
        size = entry.footer.bytes
        footer = await self._range(entry, entry.bytes - size, size)
        if hollow_file.digest_of_footer(footer) != entry.footer.sha256:
            raise self._damaged(entry, "its footer is not what was written (its checksum differs)")
        await to_thread.run_sync(hollow_file.create, path, entry.bytes, footer)
        return _File(entry, path, await to_thread.run_sync(hollow_file.layout_of, path), set())

    async def _brought(self, columns: Collection[str], file: _File) -> None:
        layout, entry = file.layout, file.entry
        if layout is None or entry.footer is None:
            return
        missing = [name for name in layout.spans if name in columns and name not in file.brought]
        spans = [span for name in missing for span in layout.spans[name]]
        pieces = {}
        for start, size in whole_blocks(spans, entry.bytes - entry.footer.bytes):
            data = await self._range(entry, start, size)
            if not are_intact(start, data, layout.checksums):
                raise self._damaged(entry, "a block is not what was written (its checksum differs)")
            pieces[start] = data
        if pieces:
            await to_thread.run_sync(hollow_file.fill, file.path, pieces)
        file.brought.update(missing)

    async def _range(self, entry: FileEntry, start: int, size: int) -> bytes:
        data = await self._files.get_range(entry.name, start, size)
        if data is None:
            raise DamagedFile(f"{self._files.url}/{entry.name} is missing", ": restore it from a copy, or scan again")
        if len(data) != size:
            raise self._damaged(entry, "it is shorter than what was written")
        return data

    def _damaged(self, entry: FileEntry, what: str) -> DamagedFile:
        return DamagedFile(f"{self._files.url}/{entry.name} cannot be read: {what}", _REMEDY)
