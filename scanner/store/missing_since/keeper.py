"""Carries the history of nodes from the committed scans of a store into the one that is being written."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial

import anyio
import pyarrow as pa
from anyio import to_thread
from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.core.model import EpochMs, TargetOutcome, TargetStatus
from scanner.core.relevant_rows import STATES
from scanner.core.scan_request import PatchFilters
from scanner.core.statistics import ScanStatistics
from scanner.store.catalog import catalog
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry, Manifest, ScanHeader
from scanner.store.missing_since.collector import Collector, Listed
from scanner.store.missing_since.known_nodes import KnownNodes, merged_bytes
from scanner.store.missing_since.reading import NODE_COLUMNS, PATCH_MEMBERS
from scanner.store.relevant_rows import OTHER_MEMBERS, RelevantBytes
from scanner.store.segment_part import SegmentPart, read_part
from scanner.store.segment_reader import (
    FILES_AT_ONCE,
    FoundSegment,
    damage_can_be_read_again,
    fetch,
    load,
    load_manifest,
)

#: Of so many newest scans the one that ended last has the history: a long scan may end after a later, shorter one.
_LOOKED_AT = 10
_PART = SegmentPart(NODE_COLUMNS, (*PATCH_MEMBERS, *OTHER_MEMBERS), STATES, with_cves=True)


class _Start(Struct, frozen=True):
    """What a scan begins with: the filters that it was asked for, the scans committed by then, what they know."""

    patches: PatchFilters
    started_at: EpochMs
    committed: frozenset[str]
    known: KnownNodes
    collector: Collector


class KeptHistory(Struct, frozen=True):
    """The history file of a scan, the committed scans whose history is part of it, and what was collected beside it."""

    data: bytes
    scans: tuple[str, ...]
    statistics: ScanStatistics
    relevant: RelevantBytes


class HistoryKeeper:
    """The history of one open scan. `problems` name stored files that were not used.

    `commits` is whether this process may commit the scan. A worker only dates its segments: the process that commits
    collects the history from the segments of all workers.
    """

    def __init__(self, files: Files, names: ScanNames, *, commits: bool = True) -> None:
        self._files = files
        self._names = names
        self._commits = commits
        self._lock = anyio.Lock()
        self._start: _Start | None = None
        self._added: set[str] = set()
        self._taken = 0
        self.problems: list[str] = []

    async def take(self, segment: pa.Table) -> pa.Table:
        """Returns a segment table with since when its patches are lacking, as far as committed scans can tell.

        It counts as a part of the scan when `written` is called with its name.
        """
        async with self._lock:
            start = self._start = self._start or await self._begun()
            take = start.collector.add if self._commits else start.collector.date
            self._taken += 1
            return await to_thread.run_sync(take, segment)

    def written(self, name: str) -> None:
        """Notes that the segment that was taken last lies under this name in the store."""
        if self._commits:
            self._added.add(name)

    async def finish(
        self, segments: Sequence[FoundSegment], outcomes: Sequence[TargetOutcome], finished_at: EpochMs
    ) -> KeptHistory:
        """Returns the history file, the statistics and the relevant rows of a scan that consists of these segments.

        All are read again where another process or an earlier run wrote some, or one that was taken was not written.
        """
        start = self._start = self._start or await self._begun()
        collector = start.collector
        if {segment.file.name for segment in segments} != self._added or self._taken != len(self._added):
            collector = Collector(start.known, start.patches, start.started_at)
            for segment in segments:
                with damage_can_be_read_again(self._files, self._names, segment):
                    await self._add_again(collector, self._names, segment.file)
        listed = Listed(
            nodes=[segment.keys for segment in segments],
            targets={
                (each.target.account_id, each.target.region) for each in outcomes if each.status is TargetStatus.SCANNED
            },
            at=finished_at,
        )
        data, statistics = await to_thread.run_sync(collector.finish, listed)
        relevant = await to_thread.run_sync(collector.relevant.finish)
        later = [scan_id for scan_id in (await catalog(self._files)).committed if scan_id not in start.committed]
        data = await self._with_meanwhile(data, later)
        return KeptHistory(data, tuple(sorted({*start.committed, *later})), statistics, relevant)

    async def _add_again(self, collector: Collector, names: ScanNames, entry: FileEntry) -> None:
        """Adds a segment that is stored; of its columns and patches only those are read that matter."""
        await to_thread.run_sync(collector.add_dated, await read_part(self._files, names, entry, _PART))

    async def _begun(self) -> _Start:
        try:
            header = await load(self._files, self._names.header, ScanHeader)
            patches, started_at = header.request.patches, header.started_at
        except ScanNotFound:
            patches, started_at = PatchFilters(), int(time.time() * 1000)
        committed = (await catalog(self._files)).committed
        known = await self._known(committed)
        return _Start(patches, started_at, frozenset(committed), known, Collector(known, patches, started_at))

    async def _known(self, committed: Sequence[str]) -> KnownNodes:
        """Returns the history of the scan that ended last; an older one where that cannot be read.

        Scans that were committed at one moment do not have the history of each other: that of both is put together.
        """
        manifests = [each async for each in self._manifests(committed)]
        manifests.sort(key=lambda manifest: manifest.scan.finished_at, reverse=True)
        with_history = [each for each in manifests if each.history is not None]
        for place, manifest in enumerate(with_history, 1):
            known = await self._read(manifest)
            if known is not None:
                return await self._with_others(known, manifest.history_scans, with_history[place:])
        for manifest in manifests[:1]:
            return await self._made_of(manifest)
        return KnownNodes()

    async def _with_others(
        self, known: KnownNodes, scans: Collection[str] | None, others: Sequence[Manifest]
    ) -> KnownNodes:
        """Returns what a scan knows with what those of the others know that are not among its `scans`."""
        for other in others:
            theirs = None if scans is None or other.scan.scan_id in scans else await self._read(other)
            if theirs is not None:
                known = await to_thread.run_sync(_merged, known, theirs)
        return known

    async def _manifests(self, committed: Sequence[str]) -> AsyncIterator[Manifest]:
        recent = committed[-_LOOKED_AT:]
        for found in await map_bounded(self._manifest, recent, FILES_AT_ONCE):
            if found is not None:
                yield found

    async def _manifest(self, scan_id: str) -> Manifest | None:
        try:
            return await load_manifest(self._files, ScanNames(scan_id))
        except StoreError as error:
            self.problems.append(str(error))
        except ScanNotFound:
            pass  # removed meanwhile
        return None

    async def _read(self, manifest: Manifest) -> KnownNodes | None:
        entry = manifest.history
        if entry is None:
            return None
        try:
            data = await fetch(self._files, entry)
            return await to_thread.run_sync(KnownNodes, data)
        except StoreError as error:
            self.problems.append(str(error))
            return None

    async def _made_of(self, manifest: Manifest) -> KnownNodes:
        """Returns what a scan knows that an earlier version wrote, from its segments."""
        names = ScanNames(manifest.scan.scan_id)
        try:
            patches = (await load(self._files, names.header, ScanHeader)).request.patches
            collector = Collector(KnownNodes(), patches, manifest.scan.finished_at)
            for entry in manifest.segments:
                await self._add_again(collector, names, entry)
        except (StoreError, ScanNotFound) as error:
            self.problems.append(str(error))
            return KnownNodes()
        data, _ = collector.finish(Listed((), (), manifest.scan.finished_at))
        return await to_thread.run_sync(KnownNodes, data)

    async def _with_meanwhile(self, data: bytes, later: Sequence[str]) -> bytes:
        """Returns the history file with what scans know that were committed while this one was read."""
        for manifest in [each async for each in self._manifests(later)]:
            other = await self._read(manifest)
            if other is not None:
                data = await to_thread.run_sync(partial(_merged_bytes, data, other))
        return data


def _merged(known: KnownNodes, other: KnownNodes) -> KnownNodes:
    return KnownNodes(merged_bytes(known, other))


def _merged_bytes(data: bytes, other: KnownNodes) -> bytes:
    return merged_bytes(KnownNodes(data), other)
