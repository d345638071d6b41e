"""A scan that is being written: started or resumed, filled with segments, committed.

Until the commit files are only added. A process that was paused and comes back late can therefore never harm what
another has committed: its own commit is refused, and it deletes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress

import msgspec
import pyarrow as pa
from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files, NodeBatch, ScanSummary
from scanner.core.model import ScanRow, TargetOutcome
from scanner.core.tables import summary_of, target_file_table
from scanner.store import node_index
from scanner.store.json_files import to_json
from scanner.store.latest import point_to_latest
from scanner.store.layout import ScanNames
from scanner.store.lease import Lease
from scanner.store.manifest import Manifest, ScanHeader, SegmentEntry
from scanner.store.missing_since.keeper import HistoryKeeper
from scanner.store.replay import batches_of
from scanner.store.segment_reader import FoundSegment, IgnoredFile, SegmentList, list_segments, read_segment
from scanner.store.segment_writer import SegmentWriter, entry_of

BATCH_ROWS = 50_000  # patch rows in a batch of a replay


class DoneNodes(Struct, frozen=True):
    """What an unfinished scan holds already, by (account_id, region), and the files that were not used."""

    targets: dict[node_index.TargetKey, node_index.DoneTarget]
    ignored: list[IgnoredFile]

    def instance_ids(self, account_id: str, region: str) -> frozenset[str]:
        """Returns the delivered nodes of a target."""
        target = self.targets.get((account_id, region))
        return target.instance_ids if target else frozenset()


class OpenScan:
    """One scan as its writer sees it. Every method may raise `StoreError`, in a sentence that names the file.

    `lease` is what keeps other processes off the scan where the store has no locks; `has_conditions` is whether the
    store honours conditional writes.
    """

    def __init__(
        self, files: Files, names: ScanNames, *, lease: Lease | None = None, has_conditions: bool = True
    ) -> None:
        self._files = files
        self._names = names
        self._lease = lease
        self._has_conditions = has_conditions
        self._writer = SegmentWriter(files, names)
        self._history = HistoryKeeper(files, names)
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

    @property
    def history_problems(self) -> list[str]:
        """Returns a sentence for each file of earlier scans that was not used for `dated`."""
        return self._history.problems

    async def dated(self, table: pa.Table) -> pa.Table:
        """Returns a segment table with since when its patches are lacking, as far as committed scans can tell."""
        return await self._history.dated(table)

    async def add_segment(self, table: pa.Table) -> SegmentEntry:
        """Makes the nodes of a segment table (`segment_table`, then `dated`) durable; they are when this returns.

        Calls may run side by side, in several processes too.
        """
        segment = await self._writer.write(table)
        await self._history.add(segment.file.name, table)
        return entry_of(segment)

    async def prepare_resume(self) -> DoneNodes:
        """Reads what earlier runs of the scan delivered. Their gaps will be left out, for those nodes are read again.

        Writes and deletes nothing. Call it before `replay`, the first `add_segment` and `commit`.
        """
        found = await list_segments(self._files, self._names)
        surplus = _surplus_of_earlier_runs(found)
        self._surplus = {found.segments[number].file.name: rows for number, rows in surplus.items()}
        return DoneNodes(node_index.done_targets(found.keys, surplus), found.ignored)

    async def replay(self, batch_rows: int = BATCH_ROWS) -> AsyncGenerator[NodeBatch, None]:
        """Yields what earlier runs delivered, each node once: what a live sink has to be sent again."""
        for segment in (await list_segments(self._files, self._names)).segments:
            rows = self._surplus.get(segment.file.name, set())
            if len(rows) < len(segment.keys):
                table = node_index.without(await read_segment(self._files, self._names, segment.file), rows)
                async for batch in batches_of(table, batch_rows):
                    yield batch

    async def commit(self, row: ScanRow, outcomes: Sequence[TargetOutcome]) -> ScanSummary:
        """Commits the scan: every node once, every segment readable, `manifest.json` after all that it lists.

        The summary's row has the node counts and the patch rows of the segments, whatever `row` has.

        Raises:
            StoreError: the segments hold fewer nodes than `row.nodes` counts, or another process has taken the scan
                over or committed it; nothing is committed then and nothing is deleted.
        """
        found = await list_segments(self._files, self._names)
        earlier = {
            number: self._surplus[segment.file.name]
            for number, segment in enumerate(found.segments)
            if segment.file.name in self._surplus
        }
        self._check_nothing_lost(row, found, sum(map(len, earlier.values())))
        surplus = node_index.joined(earlier, node_index.duplicate_rows(found.keys, earlier))
        segments = await self._writer.rewrite_without(found.segments, surplus)
        keys = [segment.keys for segment in segments]
        row = msgspec.structs.replace(
            row, nodes=node_index.status_counts(keys), patch_rows=node_index.patch_row_count(keys)
        )
        target_file = target_file_table(row.scan_id, outcomes)
        summary = summary_of(row, target_file)
        targets = await self._writer.write_targets(target_file)
        data, statistics = await self._history.finish(segments, outcomes, row.finished_at)
        history = await self._writer.write_history(data)
        await self._put_manifest(Manifest(row, tuple(map(entry_of, segments)), targets, history, statistics))
        await self._clean_up(found.segments, segments)
        await point_to_latest(self._files, has_conditions=self._has_conditions)
        return summary

    async def discard_if_empty(self) -> bool:
        """Removes a scan that holds nothing but its header, so that it leaves no trace. Returns whether it did."""
        held = set(await self._files.names(f"{self._names.folder}/"))
        if held - {self._names.header, self._names.lease}:
            return False
        await self._files.delete([self._names.header])
        if self._lease is not None:
            await self._lease.drop()
        return True

    def _check_nothing_lost(self, row: ScanRow, found: SegmentList, surplus_rows: int) -> None:
        counted, held = sum(row.nodes.values()), sum(map(len, found.keys)) - surplus_rows
        if held < counted:
            ignored = "".join(f"; {file.name} was ignored: {file.reason}" for file in found.ignored)
            raise StoreError(
                f"{self._files.url}/{self._names.segments} holds {held} of the {counted} nodes that were written"
                f"{ignored}: nothing was committed, run `patchsweep scan --resume {row.scan_id}` to read the missing "
                "ones again"
            )

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
            raise StoreError(
                f"the scan {self.scan_id} in {self._files.url} was committed by another process meanwhile: "
                "its commit stands, and nothing of it was changed"
            )
        self._is_committed = True

    async def _clean_up(self, before: Sequence[FoundSegment], after: Sequence[FoundSegment]) -> None:
        """Deletes the segments that were written again, and the lease; what cannot be deleted is never read."""
        kept = {segment.file.name for segment in after}
        with suppress(StoreError):
            await self._files.delete([segment.file.name for segment in before if segment.file.name not in kept])
            if self._lease is not None:
                await self._lease.drop()


def _surplus_of_earlier_runs(found: SegmentList) -> node_index.Rows:
    gaps = node_index.gap_rows(found.keys)
    return node_index.joined(gaps, node_index.duplicate_rows(found.keys, gaps))
