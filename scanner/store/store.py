"""The store: begin a scan, add segments, commit, and read committed scans; the same over a folder and over S3."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from typing import Protocol, runtime_checkable

import pyarrow as pa
from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files, NodeBatch, ScanSummary
from scanner.core.model import EpochMs, ScanRow, TargetOutcome
from scanner.core.scan_request import PatchFilters
from scanner.core.tables import scans_table
from scanner.store import catalog as catalogs
from scanner.store import layout as names
from scanner.store import node_index as keys
from scanner.store import replay
from scanner.store import segment_writer as writing
from scanner.store.history import History, history
from scanner.store.json_files import to_json
from scanner.store.layout import ScanNames
from scanner.store.local_copy import LocalCopy, local_copy
from scanner.store.manifest import FileEntry, Manifest, ScanHeader, SegmentEntry
from scanner.store.segment_reader import IgnoredFile, load, load_manifest, survey

_BATCH_ROWS = 50_000


@runtime_checkable
class Lockable(Protocol):
    """Files on which one process can hold a name against the others."""

    def lock(self, name: str) -> AbstractAsyncContextManager[None]: ...


class DoneNodes(Struct, frozen=True):
    """What an unfinished scan holds already, by (account_id, region), and the files that were not used."""

    targets: dict[keys.TargetKey, keys.DoneTarget]
    ignored: list[IgnoredFile]

    def instance_ids(self, account_id: str, region: str) -> frozenset[str]:
        """The delivered nodes of a target."""
        target = self.targets.get((account_id, region))
        return target.instance_ids if target else frozenset()


class Store:
    """Scans over any `Files`. Every method may raise `StoreError`, in a sentence that names the file."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._writer = writing.SegmentWriter(files)

    @property
    def files(self) -> Files:
        """Where the scans lie."""
        return self._files

    @property
    def url(self) -> str:
        """Where it is, as the user wrote it."""
        return self._files.url

    @staticmethod
    def new_scan_id(now_ms: EpochMs) -> str:
        """An id that sorts by the second the scan was started in, like `20261123T210611Z-a1b2c3`."""
        return names.new_scan_id(now_ms)

    def exclusive(self, scan_id: str) -> AbstractAsyncContextManager[None]:
        """Hold a scan while it is begun, resumed and committed; raises `StoreError` if another process has it.

        Held on a folder only. S3 has no lock: there it is for the caller not to run one scan twice at once, and
        should that happen, `commit` still leaves each node in the scan once.
        """
        return self._files.lock(ScanNames(scan_id).folder) if isinstance(self._files, Lockable) else nullcontext()

    async def begin(self, header: ScanHeader) -> None:
        """Open a scan: from here on it is unfinished."""
        await self._files.put(ScanNames(header.scan_id).header, to_json(header))

    async def discard_empty(self, scan_id: str) -> None:
        """Remove an unfinished scan that holds no segment; any other stays as it is."""
        await catalogs.discard_empty(self._files, ScanNames(scan_id))

    async def add_segment(self, scan_id: str, table: pa.Table) -> SegmentEntry:
        """Make the nodes of a segment table (`tables.segment_table`) durable; they are when this returns.

        Calls may run side by side, in several processes too.
        """
        return writing.entry_of(await self._writer.write(ScanNames(scan_id), table))

    async def done_nodes(self, scan_id: str) -> DoneNodes:
        """The delivered nodes of an unfinished scan, read from its segments; changes nothing."""
        found = await survey(self._files, ScanNames(scan_id))
        return DoneNodes(keys.done_targets(found.keys), found.ignored)

    async def reopen(self, scan_id: str) -> DoneNodes:
        """Prepare an unfinished scan for its resumption: nodes that ended in a gap leave it, to be asked again.

        Call it inside `exclusive`, before `replay_segments` and the first `add_segment`.
        """
        found = await writing.settle(self._files, ScanNames(scan_id), self._writer)
        return DoneNodes(keys.done_targets(found.keys), found.ignored)

    async def commit(self, row: ScanRow, outcomes: Sequence[TargetOutcome]) -> ScanSummary:
        """Commit a scan: every node once, every segment readable, `manifest.json` last, then `latest.json`.

        The summary's row has the node counts and the patch rows of the segments, whatever `row` said.

        Raises:
            StoreError: the segments hold fewer nodes than `row.nodes` counts; nothing is committed.
        """
        summary = await writing.commit(self._files, self._writer, row, outcomes)
        await catalogs.point_to_latest(self._files)
        return summary

    async def committed(self) -> list[str]:
        """The ids of the committed scans, newest last."""
        return (await catalogs.catalog(self._files)).committed

    async def unfinished(self) -> list[str]:
        """The ids of the scans that were begun and not committed, newest last."""
        return (await catalogs.catalog(self._files)).unfinished

    async def resolve(self, asked: str | None = None) -> str:
        """The committed scan that an id, `latest` or None (the latest) means.

        Raises:
            ScanNotFound: there is none; the text lists what there is.
        """
        return catalogs.pick_committed(await catalogs.catalog(self._files), asked, self.url)

    async def resolve_unfinished(self, asked: str | None = None) -> str:
        """The unfinished scan that an id or None (the newest) means, or raises `ScanNotFound`."""
        return catalogs.pick_unfinished(await catalogs.catalog(self._files), asked, self.url)

    async def header(self, scan_id: str) -> ScanHeader:
        """What a scan was asked to do."""
        return await load(self._files, ScanNames(scan_id).header, ScanHeader)

    async def manifest(self, scan_id: str) -> Manifest:
        """The row and the files of a committed scan."""
        return await load_manifest(self._files, ScanNames(scan_id))

    async def summary(self, scan_id: str) -> ScanSummary:
        """A committed scan as `commit` returned it."""
        manifest = await self.manifest(scan_id)
        targets = await replay.read_targets(self._files, manifest.targets)
        return ScanSummary(manifest.scan, targets, scans_table([manifest.scan]))

    async def replay(self, scan_id: str, batch_rows: int = _BATCH_ROWS) -> AsyncGenerator[NodeBatch, None]:
        """The nodes of a committed scan, in batches of whole nodes with about `batch_rows` patch rows."""
        manifest = await self.manifest(scan_id)
        async with aclosing(replay.replay(self._files, ScanNames(scan_id), manifest.segments, batch_rows)) as batches:
            async for batch in batches:
                yield batch

    async def replay_segments(self, scan_id: str, batch_rows: int = _BATCH_ROWS) -> AsyncGenerator[NodeBatch, None]:
        """The same for an unfinished scan, after `reopen`: what a live sink has to be sent again."""
        scan = ScanNames(scan_id)
        entries: list[FileEntry] = [segment.file for segment in (await survey(self._files, scan)).segments]
        async with aclosing(replay.replay(self._files, scan, entries, batch_rows)) as batches:
            async for batch in batches:
                yield batch

    @asynccontextmanager
    async def local_copy(self, scan_ids: Sequence[str]) -> AsyncIterator[LocalCopy]:
        """The files of committed scans on this machine while the block runs, for SQL over them."""
        manifests = [await self.manifest(scan_id) for scan_id in scan_ids]
        async with local_copy(self._files, manifests) as copy:
            yield copy

    async def history(self, targets: Collection[keys.TargetKey], patches: PatchFilters, since: EpochMs) -> History:
        """What committed scans know of these targets under the same patch filters, read from AWS after `since`."""
        return await history(self._files, await self.committed(), targets, patches, since)

    async def verify(self, scan_id: str) -> list[str]:
        """Read every file of a committed scan; a sentence for each that is missing, changed or unreadable."""
        found = await catalogs.header_problems(self._files, ScanNames(scan_id))
        try:
            manifest = await self.manifest(scan_id)
        except StoreError as error:
            return [*found, str(error)]
        return [*found, *await replay.problems(self._files, ScanNames(scan_id), manifest)]

    async def verify_latest(self) -> list[str]:
        """A sentence if `latest.json` does not name the newest committed scan."""
        return await catalogs.latest_problems(self._files)

    async def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` committed scans, and unfinished ones long given up; returns their ids."""
        return await catalogs.prune(self._files, keep)
