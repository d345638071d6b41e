"""Replays the nodes of a stored scan as batches, a segment at a time, and checks all its files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread

from scanner.core.chunks import single
from scanner.core.concurrency import map_ahead, map_bounded
from scanner.core.errors import StoreError
from scanner.core.interfaces import Files, NodeBatch
from scanner.core.tables import TARGET_FILE, batch_of, part_of_batch
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry, Manifest, SegmentEntry
from scanner.store.missing_since.history_file import read_history
from scanner.store.segment_part import SegmentPart, read_part
from scanner.store.segment_parts import join_coded
from scanner.store.segment_reader import FILES_AT_ONCE, fetch, read_segment
from scanner.store.segments import parquet_table

_SEGMENTS_AT_ONCE = 4  # read side by side, 8 MB each: on S3 each waits far longer than its transfer takes
_TARGET_KEY = frozenset({"scan_id", "account_id", "region", "status"})  # without these it is no targets table


async def replay(
    files: Files, names: ScanNames, entries: Sequence[FileEntry], batch_rows: int
) -> AsyncGenerator[NodeBatch, None]:
    """Yields batches of whole nodes with about `batch_rows` patch rows each; at most `_SEGMENTS_AT_ONCE` are in memory.

    Raises:
        StoreError: a segment is missing or damaged; the text names it. Batches before it were sound.
    """
    for start in range(0, len(entries), _SEGMENTS_AT_ONCE):
        group = entries[start : start + _SEGMENTS_AT_ONCE]
        for segment in await map_bounded(partial(_read, files, names), group, _SEGMENTS_AT_ONCE):
            if isinstance(segment, StoreError):
                raise segment
            async for batch in batches_of(segment, batch_rows):
                yield batch


@asynccontextmanager
async def replaying(
    files: Files, names: ScanNames, entries: Sequence[FileEntry], batch_rows: int
) -> AsyncIterator[AsyncGenerator[NodeBatch, None]]:
    """Yields what `replay` does, and reads the next segments while the block works; raises as it does."""

    async def batches() -> AsyncGenerator[NodeBatch, None]:
        async for segment in segments:
            if isinstance(segment, StoreError):
                raise segment
            async for batch in batches_of(segment, batch_rows):
                yield batch

    async with map_ahead(partial(_read, files, names), entries, _SEGMENTS_AT_ONCE) as segments:
        yield batches()


async def replay_part(
    files: Files, names: ScanNames, entries: Sequence[FileEntry], part: SegmentPart
) -> AsyncGenerator[NodeBatch, None]:
    """Yields a part of each segment as a batch, for who counts a scan and has no use for the rest.

    Raises:
        StoreError: a segment is missing or damaged; the text names it.
    """
    for start in range(0, len(entries), _SEGMENTS_AT_ONCE):
        group = entries[start : start + _SEGMENTS_AT_ONCE]
        for read in await map_bounded(lambda entry: read_part(files, names, entry, part), group, _SEGMENTS_AT_ONCE):
            yield await to_thread.run_sync(part_of_batch, read, part.patches)


async def _read(files: Files, names: ScanNames, entry: FileEntry) -> pa.Table | StoreError:
    """Returns the error instead of raising it, so that the segments before it are delivered."""
    try:
        return await read_segment(files, names, entry, join_coded)
    except StoreError as error:
        return error


async def batches_of(segment: pa.Table, batch_rows: int) -> AsyncGenerator[NodeBatch, None]:
    """Yields the nodes of one segment table in such batches."""
    for part in slices(segment, batch_rows):
        yield await to_thread.run_sync(batch_of, part)


def slices(segment: pa.Table, batch_rows: int) -> Iterator[pa.Table]:
    """Yields parts of a segment table, cut between nodes; only a part of a single node has more rows than asked for."""
    start, rows = 0, 0
    for number, patch_rows in enumerate(pc.list_value_length(segment.column("patches")).to_pylist()):
        # A node without patches counts as a row, so that a batch of such nodes has an end.
        cost = max(patch_rows, 1)
        if rows + cost > batch_rows and number > start:
            yield segment.slice(start, number - start)
            start, rows = number, 0
        rows += cost
    if start < len(segment):
        yield segment.slice(start)


async def read_targets(files: Files, entry: FileEntry) -> pa.Table:
    """Returns the target file of a committed scan as a table, or raises `StoreError`."""
    data = await fetch(files, entry)
    try:
        return parquet_table(data, TARGET_FILE, required=_TARGET_KEY)
    except StoreError as error:
        raise StoreError(f"{files.url}/{entry.name} cannot be read: {error}; restore it, or scan again") from error


async def check_history(files: Files, entry: FileEntry) -> None:
    """Reads the history file of a committed scan; raises `StoreError` where that fails."""
    data = await fetch(files, entry)
    try:
        await to_thread.run_sync(read_history, data)
    except StoreError as error:
        raise StoreError(f"{files.url}/{entry.name} cannot be read: {error}; restore it from a copy") from error


async def problems(files: Files, names: ScanNames, manifest: Manifest) -> list[str]:
    """Returns a sentence for each file of a committed scan that is missing, changed or unreadable."""
    found = await map_bounded(partial(_problem, files, names), manifest.segments, FILES_AT_ONCE)
    kept = () if manifest.relevant is None else manifest.relevant.tables.values()
    others = ((read_targets, manifest.targets), (check_history, manifest.history), *((fetch, each) for each in kept))
    for read, entry in others:
        try:
            if entry is not None:
                await read(files, entry)
        except StoreError as error:
            found.append(str(error))
    return [problem for problem in found if problem is not None]


async def _problem(files: Files, names: ScanNames, entry: SegmentEntry) -> str | None:
    try:
        table = await read_segment(files, names, entry)
    except StoreError as error:
        return str(error)
    rows = len(single(table.column("patches")).flatten())
    if (len(table), rows) == (entry.nodes, entry.patch_rows):
        return None
    return (
        f"{files.url}/{entry.name} holds {len(table)} nodes and {rows} patch rows, "
        f"its manifest says {entry.nodes} and {entry.patch_rows}: scan again"
    )
