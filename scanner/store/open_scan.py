"""A scan that is being written: started or resumed, filled with segments, committed.

Until the commit files are only added. A process that was paused and comes back late can therefore never harm what
another has committed: its own commit is refused, and it deletes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import suppress

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.errors import StoreBusy, StoreError
from scanner.core.interfaces import Files, NodeBatch, ScanSummary
from scanner.core.model import ScanRow, TargetOutcome
from scanner.core.tables import summary_of, target_file_table
from scanner.store import node_index, target_records
from scanner.store.done_nodes import DoneNodes, done_nodes, done_of, surplus_of_earlier_runs
from scanner.store.ended_targets import list_ended
from scanner.store.json_files import to_json
from scanner.store.latest import point_to_latest
from scanner.store.layout import ScanNames
from scanner.store.lease import Lease
from scanner.store.left_nodes import PLACES, LeftNodes, thin_tables
from scanner.store.manifest import Manifest, ScanHeader, SegmentEntry
from scanner.store.plan_file import ScanPlan, read_plan, write_plan
from scanner.store.replay import batches_of
from scanner.store.scan_writer import ScanWriter
from scanner.store.segment_reader import (
    FoundSegment,
    SegmentList,
    damage_can_be_read_again,
    list_segments,
    read_segment,
)
from scanner.store.segment_writer import entry_of
from scanner.store.survey import Survey, check_nothing_lost, survey
from scanner.store.thin_rows import ThinFile, list_thin

BATCH_ROWS = 65_536  # patch rows in a batch of a replay, which a sink holds at once; a full segment is two batches


class OpenScan:
    """One scan as the process that holds it sees it. Every method may raise `StoreError` that names the file.

    `lease` is what keeps other processes off the scan where the store has no locks; `has_conditions` is whether the
    store honours conditional writes; `commits` is whether this process may commit the scan.
    """

    def __init__(
        self,
        files: Files,
        names: ScanNames,
        *,
        lease: Lease | None = None,
        has_conditions: bool = True,
        commits: bool = True,
    ) -> None:
        self._files = files
        self._names = names
        self._lease = lease
        self._has_conditions = has_conditions
        self.writer = ScanWriter(files, names, commits=commits)
        self._surplus: Mapping[str, set[int]] = {}
        self._is_committed = False

    @property
    def scan_id(self) -> str:
        return self._names.scan_id

    @property
    def is_committed(self) -> bool:
        """Returns whether `commit` has written the manifest, though a later step of it may have failed."""
        return self._is_committed

    async def begin(self, header: ScanHeader) -> None:
        """Writes the header: from here on the scan is unfinished."""
        await self._files.put(self._names.header, to_json(header))

    async def read_plan(self) -> ScanPlan | None:
        """Returns the plan of the scan, or None where it has none."""
        return await read_plan(self._files, self._names)

    async def write_plan(self, plan: ScanPlan) -> None:
        """Writes the plan of the scan, or replaces it."""
        await write_plan(self._files, self._names, plan)

    async def add_segment(self, table: pa.Table) -> SegmentEntry:
        """Makes the nodes of a segment table durable; see `ScanWriter.add_segment`."""
        return await self.writer.add_segment(table)

    async def prepare_resume(self) -> DoneNodes:
        """Reads what earlier runs of the scan delivered. Their gaps will be left out, for those nodes are read again.

        Writes and deletes nothing. Call it before `replay`, the first `add_segment` and `commit`.
        """
        ended = await list_ended(self._files, self._names)
        found = await list_segments(self._files, self._names)
        surplus = surplus_of_earlier_runs(found.keys)
        self._surplus = {found.segments[number].file.name: rows for number, rows in surplus.items()}
        return done_nodes(found.keys, surplus, ended, found.ignored)

    async def prepare_work(self, targets: Collection[node_index.TargetKey]) -> DoneNodes:
        """Reads what is delivered of these targets, nodes whose rows have still to come from an earlier segment too.

        What the scan holds of other targets takes no memory. Writes and deletes nothing; for who neither replays the
        scan nor commits it.
        """
        return await done_of(self._files, self._names, targets)

    async def ended_targets(self) -> frozenset[node_index.TargetKey]:
        """Returns the targets that have ended, in whatever way."""
        outcomes = (await list_ended(self._files, self._names)).outcomes
        return frozenset(map(target_records.key_of, outcomes))

    async def left_nodes(self, found: SegmentList | None = None) -> LeftNodes:
        """Returns the nodes of workers that have no rows yet; `found` are the segments, where they were listed."""
        found = found or await list_segments(self._files, self._names)
        thin = await list_thin(self._files, self._names, found.thin, PLACES)
        stored = [keys.filter(pc.invert(node_index.is_gap(keys))) for keys in found.keys]
        return LeftNodes([file for file in thin if isinstance(file, ThinFile)], stored)

    async def thin_nodes(self, left: LeftNodes, segments: Collection[str]) -> dict[str, pa.Table]:
        """Returns the nodes that these earlier segments have to give rows, by the text of the segment."""
        return await thin_tables(self._files, self._names, left, segments)

    async def replay(self, batch_rows: int = BATCH_ROWS) -> AsyncGenerator[NodeBatch, None]:
        """Yields what earlier runs delivered, each node once: what a live sink has to be sent again."""
        for segment in (await list_segments(self._files, self._names)).segments:
            rows = self._surplus.get(segment.file.name, set())
            if len(rows) < len(segment.keys):
                with damage_can_be_read_again(self._files, self._names, segment):
                    table = await read_segment(self._files, self._names, segment.file)
                async for batch in batches_of(node_index.without(table, rows), batch_rows):
                    yield batch

    async def survey(self) -> Survey:
        """Reads all that the processes of the scan have stored, and decides which rows count."""
        return await survey(self._files, self._names, self._surplus)

    async def commit(self, row: ScanRow, outcomes: Sequence[TargetOutcome], whole: Survey | None = None) -> ScanSummary:
        """Commits the scan: every node once, every segment readable, `manifest.json` after all that it lists.

        The summary's row has the node counts and the patch rows of the segments, whatever `row` has.

        Args:
            row: the row of the scan.
            outcomes: how each target ended.
            whole: what is committed; None: what the store holds now.

        Raises:
            StoreBusy: another process has taken the scan over or committed it; nothing is changed then.
            StoreError: the segments hold fewer nodes than were written; nothing is committed and nothing is deleted.
        """
        if whole is None:
            whole = await self.survey()
        check_nothing_lost(whole, row, f"{self._files.url}/{self._names.segments}")
        before = whole.segments.segments
        segments = await self.writer.segments.rewrite_without(before, whole.surplus)
        keys = [segment.keys for segment in segments]
        row = msgspec.structs.replace(
            row, nodes=node_index.status_counts(keys), patch_rows=node_index.patch_row_count(keys)
        )
        target_file = target_file_table(row.scan_id, outcomes)
        summary = summary_of(row, target_file)
        targets = await self.writer.segments.write_targets(target_file)
        kept = await self.writer.history.finish(segments, outcomes, row.finished_at)
        history = await self.writer.segments.write_history(kept.data)
        relevant = await self.writer.segments.write_relevant(kept.relevant)
        entries = tuple(map(entry_of, segments))
        await self._put_manifest(Manifest(row, entries, targets, history, kept.statistics, kept.scans, relevant))
        await self._clean_up(before, segments)
        await point_to_latest(self._files, has_conditions=self._has_conditions)
        return summary

    async def is_empty(self) -> bool:
        """Returns whether the scan holds no nodes and has no workers, so that there is nothing to resume."""
        held = await self._files.names(f"{self._names.folder}/")
        return not set(held) - {self._names.header, self._names.lease, *self._passing(held)}

    async def discard_if_empty(self) -> bool:
        """Removes a scan that holds no nodes and has no workers, and leaves no trace. Returns whether it did."""
        if not await self.is_empty():
            return False
        passing = self._passing(await self._files.names(f"{self._names.folder}/"))
        await self._files.delete([self._names.header])
        await self._files.delete(passing)
        if self._lease is not None:
            await self._lease.drop()
        return True

    def _passing(self, held: Sequence[str]) -> list[str]:
        """Returns the files that count for nothing by themselves; patches before their nodes are written, too."""
        working = [name for name in self._names.working_files(held) if not name.startswith(self._names.open)]
        return working + [name for name in held if name.startswith(self._names.patches)]

    async def _put_manifest(self, manifest: Manifest) -> None:
        if self._lease is not None:
            await self._lease.renew()
        name, data = self._names.manifest, to_json(manifest)
        if self._has_conditions:
            is_written = await self._files.put_if(name, data, None) is not None
        else:
            is_written = await self._files.get(name) is None
            if is_written:
                await self._files.put(name, data)
        if not is_written:
            raise StoreBusy(
                f"the scan {self.scan_id} in {self._files.url} was committed by another process meanwhile: "
                "its commit stands, and nothing of it was changed"
            )
        self._is_committed = True

    async def _clean_up(self, before: Sequence[FoundSegment], after: Sequence[FoundSegment]) -> None:
        """Deletes what only an unfinished scan needs, and the lease; what cannot be deleted is never read."""
        kept = {segment.file.name for segment in after}
        with suppress(StoreError):
            gone = [segment for segment in before if segment.file.name not in kept]
            await self._files.delete([file.name for segment in gone for file in segment.files])
            await self._files.delete(self._names.working_files(await self._files.names(f"{self._names.folder}/")))
            if self._lease is not None:
                await self._lease.drop()
