"""Writing one scan: its segments as they come, at the end the manifest that commits it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import count

import msgspec
import pyarrow as pa
from anyio import to_thread

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files, ScanSummary
from scanner.core.model import ScanRow, TargetOutcome
from scanner.core.tables import summary_of
from scanner.store import node_index as keys
from scanner.store.json_files import to_json
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry, Manifest, SegmentEntry
from scanner.store.segment_reader import FoundSegment, Survey, read_segment, survey
from scanner.store.segments import KEY_COLUMNS, digest, encode, parquet_bytes


class SegmentWriter:
    """Writes segments under names that no other writer uses, in this process or another."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._id = secrets.token_hex(4)
        self._sequence = count()

    async def write(self, names: ScanNames, table: pa.Table) -> FoundSegment:
        """Make a segment durable; raises `StoreError` if that cannot be done."""
        data = await encode(table)
        sha256 = await digest(data)
        name = names.segment(next(self._sequence), self._id, sha256)
        await self._files.put(name, data)
        return FoundSegment(FileEntry(name, sha256, len(data)), table.select(KEY_COLUMNS[1:]))


async def leave_out(
    files: Files, names: ScanNames, writer: SegmentWriter, found: Sequence[FoundSegment], surplus: keys.Rows
) -> list[FoundSegment]:
    """The same segments without the surplus rows: those that had some are written anew, one at a time in memory.

    The old files stay, so that nothing is lost if this is cut short; the caller deletes them afterwards.
    """
    segments = []
    for number, segment in enumerate(found):
        if number not in surplus:
            segments.append(segment)
        elif len(surplus[number]) < len(segment.keys):
            table = await read_segment(files, names, segment.file)
            segments.append(await writer.write(names, keys.without(table, surplus[number])))
    return segments


async def drop_superseded(files: Files, before: Sequence[FoundSegment], after: Sequence[FoundSegment]) -> None:
    """Delete the files of segments that were written anew."""
    stays = {segment.file.name for segment in after}
    await files.delete([segment.file.name for segment in before if segment.file.name not in stays])


async def settle(files: Files, names: ScanNames, writer: SegmentWriter) -> Survey:
    """Make an unfinished scan hold delivered nodes only, each once, so that the rest can be read again."""
    found = await survey(files, names)
    gaps, twice = keys.undelivered(found.keys), keys.doubled(found.keys)
    surplus = {number: gaps.get(number, set()) | twice.get(number, set()) for number in {*gaps, *twice}}
    segments = await leave_out(files, names, writer, found.segments, surplus)
    await drop_superseded(files, found.segments, segments)
    return Survey(segments, found.ignored)


async def commit(files: Files, writer: SegmentWriter, row: ScanRow, outcomes: Sequence[TargetOutcome]) -> ScanSummary:
    """Write the manifest of a scan, whose node counts and patch rows are those of its segments.

    Raises:
        StoreError: the segments hold fewer nodes than the row counts, or the store cannot be read or written.
    """
    names = ScanNames(row.scan_id)
    found = await survey(files, names)
    _check_nothing_lost(files, names, row, found)
    segments = await leave_out(files, names, writer, found.segments, keys.doubled(found.keys))
    held = [segment.keys for segment in segments]
    row = msgspec.structs.replace(row, nodes=keys.status_counts(held), patch_rows=keys.patch_row_count(held))
    summary = summary_of(row, outcomes)
    targets = await _write_targets(files, names, summary)
    entries = tuple(entry_of(segment) for segment in segments)
    await files.put(names.manifest, to_json(Manifest(row, entries, targets)))
    await drop_superseded(files, found.segments, segments)
    return summary


def _check_nothing_lost(files: Files, names: ScanNames, row: ScanRow, found: Survey) -> None:
    counted, held = sum(row.nodes.values()), sum(len(table) for table in found.keys)
    if held < counted:
        ignored = "".join(f"; {file.name} was ignored: {file.reason}" for file in found.ignored)
        raise StoreError(
            f"{files.url}/{names.segments} holds {held} of the {counted} nodes that were written{ignored}: "
            f"nothing was committed, run `patchsweep scan --resume {row.scan_id}` to read the missing ones again"
        )


async def _write_targets(files: Files, names: ScanNames, summary: ScanSummary) -> FileEntry:
    data = await to_thread.run_sync(parquet_bytes, summary.targets)
    await files.put(names.targets, data)
    return FileEntry(names.targets, await digest(data), len(data))


def entry_of(segment: FoundSegment) -> SegmentEntry:
    """What a manifest says of a segment."""
    file = segment.file
    return SegmentEntry(file.name, file.sha256, file.bytes, len(segment.keys), keys.patch_row_count([segment.keys]))
