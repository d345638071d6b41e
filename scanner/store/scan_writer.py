"""Adds to a scan what one process reads: segments of nodes, and after them the targets that have ended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pyarrow as pa

from scanner.core.interfaces import Files
from scanner.core.model import CallCounts, TargetOutcome
from scanner.store.ended_targets import EndedTargets, write_ended
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry, SegmentEntry
from scanner.store.missing_since.keeper import HistoryKeeper
from scanner.store.open_targets import FoundOpen, OpenTargets, delete_open, list_open, write_open
from scanner.store.segment_reader import FoundSegment
from scanner.store.segment_writer import SegmentWriter, entry_of
from scanner.store.thin_rows import write_thin


class ScanWriter:
    """Writes under names that no other writer uses, and changes or deletes nothing: any number may work at a time.

    `commits` is whether this process may commit the scan, which a worker never does. Every method may raise
    `StoreError`, in a sentence that names the file.
    """

    def __init__(self, files: Files, names: ScanNames, *, commits: bool = True) -> None:
        self._files = files
        self._names = names
        self._sequence = count()
        self.segments = SegmentWriter(files, names)
        self.history = HistoryKeeper(files, names, commits=commits)

    @property
    def files(self) -> Files:
        """Returns the files of the store."""
        return self._files

    @property
    def scan_id(self) -> str:
        return self._names.scan_id

    async def add_nodes(self, table: pa.Table) -> pa.Table:
        """Makes the nodes of a segment table (`tables.segment_table`) durable; they are when this returns.

        Returns the table as it is stored: with since when patches are lacking, as far as committed scans can tell.
        Calls may run side by side, in several processes too.
        """
        return (await self._add(table))[1]

    async def add_segment(self, table: pa.Table) -> SegmentEntry:
        """Does what `add_nodes` does; returns the file."""
        return entry_of((await self._add(table))[0])

    async def _add(self, table: pa.Table) -> tuple[FoundSegment, pa.Table]:
        table = await self.history.take(table)
        segment = await self.segments.write(table)
        self.history.written(segment.file.name)
        return segment, table

    async def add_thin(self, nodes: pa.Table, earlier: Sequence[FileEntry]) -> None:
        """Makes nodes durable whose rows lie in segments of earlier scans, one for each node; see `thin_rows`."""
        await write_thin(self._files, self._names, (next(self._sequence), self.id), nodes, earlier)

    @property
    def id(self) -> str:
        """Returns what tells this writer from all others."""
        return self.segments.id

    async def list_open(self) -> list[FoundOpen]:
        """Returns what each worker of the scan has open."""
        return await list_open(self._files, self._names)

    async def write_open(self, held: OpenTargets) -> None:
        """Writes what this worker has open."""
        await write_open(self._files, self._names, held)

    async def delete_open(self, writers: Sequence[str]) -> None:
        """Deletes what these workers had open."""
        await delete_open(self._files, self._names, writers)

    async def add_ended(
        self, targets: Sequence[TargetOutcome], calls: CallCounts | None = None, notes: Sequence[str] = ()
    ) -> None:
        """Records that these targets ended; every node of theirs must be durable by now."""
        ended = EndedTargets(tuple(targets), calls or CallCounts(), tuple(notes))
        await write_ended(self._files, self._names, self.segments.id, next(self._sequence), ended)
