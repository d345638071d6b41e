"""Adds to a scan what one process reads: segments of nodes, and after them the targets that have ended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pyarrow as pa

from scanner.core.interfaces import Files
from scanner.core.model import CallCounts, TargetOutcome
from scanner.store.ended_targets import EndedTargets, write_ended
from scanner.store.layout import ScanNames
from scanner.store.manifest import SegmentEntry
from scanner.store.missing_since.keeper import HistoryKeeper
from scanner.store.segment_writer import SegmentWriter, entry_of


class ScanWriter:
    """Writes under names that no other writer uses, and changes or deletes nothing: any number may work at a time.

    Every method may raise `StoreError`, in a sentence that names the file.
    """

    def __init__(self, files: Files, names: ScanNames) -> None:
        self._files = files
        self._names = names
        self._sequence = count()
        self.segments = SegmentWriter(files, names)
        self.history = HistoryKeeper(files, names)

    @property
    def scan_id(self) -> str:
        return self._names.scan_id

    async def dated(self, table: pa.Table) -> pa.Table:
        """Returns a segment table with since when its patches are lacking, as far as committed scans can tell."""
        return await self.history.dated(table)

    async def add_segment(self, table: pa.Table) -> SegmentEntry:
        """Makes the nodes of a segment table (`segment_table`, then `dated`) durable; they are when this returns.

        Calls may run side by side, in several processes too.
        """
        segment = await self.segments.write(table)
        await self.history.add(segment.file.name, table)
        return entry_of(segment)

    async def add_ended(
        self, targets: Sequence[TargetOutcome], calls: CallCounts | None = None, notes: Sequence[str] = ()
    ) -> None:
        """Records that these targets ended; every node of theirs must be durable by now."""
        ended = EndedTargets(tuple(targets), calls or CallCounts(), tuple(notes))
        await write_ended(self._files, self._names, self.segments.id, next(self._sequence), ended)
