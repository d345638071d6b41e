"""Writes the files of one scan that hold rows: its segments as they come, its targets when it ends."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import count

import pyarrow as pa
from anyio import to_thread

from scanner.core.interfaces import Files
from scanner.store import node_index, segment_parts
from scanner.store.hollow_file import footer_of
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry, RelevantEntry, SegmentEntry
from scanner.store.relevant_rows import RelevantBytes
from scanner.store.segment_reader import FoundSegment, damage_can_be_read_again, read_segment
from scanner.store.segments import INDEX_COLUMNS, digest, parquet_bytes


class SegmentWriter:
    """Writes under names that no other writer uses, in this process or another, and never deletes."""

    def __init__(self, files: Files, names: ScanNames) -> None:
        self._files = files
        self._names = names
        self.id = secrets.token_hex(4)
        self._sequence = count()

    async def write(self, table: pa.Table) -> FoundSegment:
        """Makes a segment durable: its patches, then its nodes; raises `StoreError` if that cannot be done."""
        number = next(self._sequence)
        patches = await self._write_patches(number, table)
        data = await to_thread.run_sync(segment_parts.encode_nodes, table, patches)
        sha256 = await digest(data)
        name = self._names.segment(number, self.id, sha256)
        await self._files.put(name, data)
        return FoundSegment(
            FileEntry(name, sha256, len(data), footer_of(data)), table.select(INDEX_COLUMNS[1:]), patches
        )

    async def _write_patches(self, number: int, table: pa.Table) -> FileEntry | None:
        data = await to_thread.run_sync(segment_parts.encode_patches, table)
        if data is None:
            return None
        sha256 = await digest(data)
        name = self._names.patches_file(number, self.id, sha256)
        await self._files.put(name, data)
        return FileEntry(name, sha256, len(data), footer_of(data))

    async def rewrite_without(self, found: Sequence[FoundSegment], surplus: node_index.Rows) -> list[FoundSegment]:
        """Returns the same segments without the surplus rows: those that had some are written again under new names.

        One segment at a time is in memory. The old files stay, so that nothing is lost if this is interrupted.
        """
        segments = []
        for number, segment in enumerate(found):
            rows = surplus.get(number, ())
            if not rows:
                segments.append(segment)
            elif len(rows) < len(segment.keys):
                with damage_can_be_read_again(self._files, self._names, segment):
                    table = await read_segment(self._files, self._names, segment.file)
                segments.append(await self.write(node_index.without(table, rows)))
        return segments

    async def write_targets(self, table: pa.Table) -> FileEntry:
        """Makes the target file durable."""
        data = await to_thread.run_sync(parquet_bytes, table)
        sha256 = await digest(data)
        return await self._written(self._names.targets(self.id, sha256), sha256, data)

    async def write_history(self, data: bytes) -> FileEntry:
        """Makes the history file durable."""
        sha256 = await digest(data)
        return await self._written(self._names.history(self.id, sha256), sha256, data)

    async def write_relevant(self, data: RelevantBytes) -> RelevantEntry:
        """Makes the rows durable that reports are made of."""
        tables = {"rows": data.rows, "nodes": data.nodes, "patches": data.patches}
        digests = {table: await digest(each) for table, each in tables.items()}
        names = {table: self._names.relevant(table, self.id, sha256) for table, sha256 in digests.items()}
        return RelevantEntry(
            **{table: await self._written(names[table], digests[table], each) for table, each in tables.items()}
        )

    async def _written(self, name: str, sha256: str, data: bytes) -> FileEntry:
        await self._files.put(name, data)
        return FileEntry(name, sha256, len(data))


def entry_of(segment: FoundSegment) -> SegmentEntry:
    """Returns what a manifest says of a segment."""
    file, rows = segment.file, node_index.patch_row_count([segment.keys])
    return SegmentEntry(
        file.name,
        file.sha256,
        file.bytes,
        file.footer,
        nodes=len(segment.keys),
        patch_rows=rows,
        patches=segment.patches,
    )
