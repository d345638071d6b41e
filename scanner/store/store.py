"""The store: opens scans for writing and reads committed ones, the same over a folder and over S3."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from functools import partial

import pyarrow as pa

from scanner.core.comparable import ComparablePart, comparable_part
from scanner.core.concurrency import map_bounded
from scanner.core.errors import StoreError
from scanner.core.filtered_pages import FilteredPages
from scanner.core.interfaces import Files, NodeBatch, ScanSummary
from scanner.core.model import EpochMs
from scanner.core.scan_files import ScanFiles
from scanner.core.scan_request import request_of
from scanner.core.settings import Settings
from scanner.core.tables import summary_of
from scanner.files.write_test import probe_store
from scanner.store import catalog as catalogs
from scanner.store import layout, measurements, replay
from scanner.store.choose import ChosenScan, choose, comparable, of_scope, part_of
from scanner.store.forget import decisions
from scanner.store.history import History, HistoryQuery, history
from scanner.store.hold import hold
from scanner.store.latest import latest_problems
from scanner.store.layout import ScanNames
from scanner.store.lease import DEFAULT_LEASE_S
from scanner.store.local_copy import local_copy
from scanner.store.manifest import Manifest, ScanHeader
from scanner.store.missing_since.history_file import history_groups
from scanner.store.open_scan import BATCH_ROWS, OpenScan
from scanner.store.progress import ScanProgress, progress_of
from scanner.store.prune import prune, remove
from scanner.store.retention import Decision, KeepRules
from scanner.store.segment_part import SegmentPart
from scanner.store.segment_reader import FILES_AT_ONCE, fetch, load, load_manifest


class Store:
    """Scans over any `Files`. Every method may raise `StoreError`, in a sentence that names the file.

    `lease_s` is how long a scan stays held after its process was killed, where the store has no locks.
    """

    def __init__(self, files: Files, lease_s: float = DEFAULT_LEASE_S) -> None:
        self._files = files
        self._lease_s = lease_s
        self._has_conditions: bool | None = None

    @property
    def files(self) -> Files:
        """Returns the files in which the scans lie."""
        return self._files

    @property
    def url(self) -> str:
        """Returns where it is, as the user wrote it."""
        return self._files.url

    @staticmethod
    def new_scan_id(now_ms: EpochMs) -> str:
        """Returns an id that sorts by the second the scan was started in, like `20261123T210611Z-a1b2c3`."""
        return layout.new_scan_id(now_ms)

    async def test_writes(self) -> bool:
        """Tries once all that a scan needs of the store: to write, list, read and delete, and to write on conditions.

        Returns whether the store honours conditions. Where it does not and has no locks either, nothing keeps two
        processes off one scan.

        Raises:
            StoreError: one of the others does not work.
        """
        if self._has_conditions is None:
            self._has_conditions = await probe_store(self._files)
        return self._has_conditions

    @asynccontextmanager
    async def open_scan(self, scan_id: str) -> AsyncIterator[OpenScan]:
        """Holds a scan against other processes while it is started, resumed and committed.

        Raises:
            StoreBusy: another process has it.
            LeaseLost: another process took it over while this one could not renew its lease.
        """
        names, has_conditions = ScanNames(scan_id), await self.test_writes()
        async with hold(self._files, names, self._lease_s, self.test_writes) as lease:
            yield OpenScan(self._files, names, lease=lease, has_conditions=has_conditions)

    def join_scan(self, scan_id: str) -> OpenScan:
        """Returns an unfinished scan as a worker sees it: without holding it, so that others may read it too."""
        return OpenScan(self._files, ScanNames(scan_id), commits=False)

    async def progress(self, scan_id: str) -> ScanProgress:
        """Returns how far an unfinished scan has come."""
        return await progress_of(self._files, ScanNames(scan_id))

    async def is_committed(self, scan_id: str) -> bool:
        """Returns whether the scan is there and committed."""
        return layout.is_scan_id(scan_id) and await self._files.get(ScanNames(scan_id).manifest) is not None

    async def committed(self) -> list[str]:
        """Returns the ids of the committed scans, newest last."""
        return (await catalogs.catalog(self._files)).committed

    async def unfinished(self) -> list[str]:
        """Returns the ids of the scans that were begun and not committed, newest last."""
        return (await catalogs.catalog(self._files)).unfinished

    async def resolve(self, asked: str | None = None) -> str:
        """Returns the committed scan that an id, `latest` or None (the latest) means.

        Raises:
            ScanNotFound: there is none; the text lists what there is.
        """
        return catalogs.pick_committed(await catalogs.catalog(self._files), asked, self.url)

    async def choose(self, asked: str | None, settings: Settings) -> ChosenScan:
        """Returns the committed scan that an id, `latest` or None means; see `scanner.store.choose`.

        Raises:
            ScanNotFound: there is none of the scope and filters of the settings; the text says what there is.
        """
        wanted = comparable_part(request_of(settings), demo=False)
        return await choose(self._files, asked, None if wanted.is_default else wanted)

    async def committed_of_scope(self, settings: Settings) -> list[str]:
        """Returns the committed scans of the scope and filters of the settings, newest last."""
        committed = await self.committed()
        wanted = comparable_part(request_of(settings), demo=False)
        return await of_scope(self._files, committed, wanted, len(committed))

    async def newest_before(self, scan_id: str) -> str | None:
        """Returns the newest committed scan before this one that has its scope and filters, or None."""
        found = await self.comparable_before(scan_id, 1)
        return found[0] if found else None

    async def comparable_before(self, scan_id: str, most: int) -> list[str]:
        """Returns the newest committed scans before this one with its scope and filters, `most` of them, newest last.

        There are none where its header cannot be read.
        """
        wanted = await part_of(self._files, scan_id)
        earlier = [each for each in await self.committed() if each < scan_id]
        return [] if wanted is None else await comparable(self._files, earlier, wanted, most)

    async def scopes(self, scan_ids: Sequence[str]) -> dict[str, ComparablePart | None]:
        """Returns the scope and filters of scans, None where that cannot be read."""
        parts = await map_bounded(partial(part_of, self._files), scan_ids, FILES_AT_ONCE)
        return dict(zip(scan_ids, parts, strict=True))

    async def resolve_unfinished(self, asked: str | None = None) -> str:
        """Returns the unfinished scan that an id or None (the newest) means, or raises `ScanNotFound`."""
        return catalogs.pick_unfinished(await catalogs.catalog(self._files), asked, self.url)

    async def header(self, scan_id: str) -> ScanHeader:
        """Returns what a scan was asked to do."""
        return await load(self._files, ScanNames(scan_id).header, ScanHeader)

    async def manifest(self, scan_id: str) -> Manifest:
        """Returns the row and the files of a committed scan."""
        return await load_manifest(self._files, ScanNames(scan_id))

    async def node_history(self, scan_id: str, columns: Sequence[str]) -> Iterator[pa.Table] | None:
        """Returns what a scan knows of nodes in columns of `IN_MEMORY`, some rows at a time; None: it has none."""
        file = (await self.manifest(scan_id)).history
        return None if file is None else history_groups(await fetch(self._files, file), columns)

    async def summary(self, scan_id: str) -> ScanSummary:
        """Returns a committed scan as `commit` returned it."""
        manifest = await self.manifest(scan_id)
        targets = await replay.read_targets(self._files, manifest.targets)
        return summary_of(manifest.scan, targets)

    async def replay(self, scan_id: str, batch_rows: int = BATCH_ROWS) -> AsyncGenerator[NodeBatch, None]:
        """Yields the nodes of a committed scan, in batches of whole nodes with about `batch_rows` patch rows."""
        manifest = await self.manifest(scan_id)
        async with aclosing(replay.replay(self._files, ScanNames(scan_id), manifest.segments, batch_rows)) as batches:
            async for batch in batches:
                yield batch

    @asynccontextmanager
    async def replaying(
        self, scan_id: str, batch_rows: int = BATCH_ROWS
    ) -> AsyncIterator[AsyncGenerator[NodeBatch, None]]:
        """Yields what `replay` does, and reads ahead while the block works."""
        manifest = await self.manifest(scan_id)
        async with replay.replaying(self._files, ScanNames(scan_id), manifest.segments, batch_rows) as batches:
            yield batches

    async def replay_part(self, scan_id: str, part: SegmentPart) -> AsyncGenerator[NodeBatch, None]:
        """Yields a part of what a committed scan holds, as batches of whole segments with some columns."""
        manifest = await self.manifest(scan_id)
        async with aclosing(replay.replay_part(self._files, ScanNames(scan_id), manifest.segments, part)) as batches:
            async for batch in batches:
                yield batch

    @asynccontextmanager
    async def local_copy(
        self, scan_ids: Sequence[str], tables: Collection[str] | None = None
    ) -> AsyncIterator[ScanFiles]:
        """Yields the files of committed scans on this machine while the block runs, for SQL over the tables or all."""
        manifests = [await self.manifest(scan_id) for scan_id in scan_ids]
        async with local_copy(self._files, manifests, tables) as copy:
            yield copy

    async def history(self, query: HistoryQuery) -> History:
        """Returns what committed scans hold of the nodes that are looked for."""
        return await history(self._files, await self.committed(), query)

    async def filtered_pages(self, now: EpochMs) -> FilteredPages:
        """Returns what filtered listings cost when that was last measured; see `measurements`."""
        return await measurements.read_measurement(self._files, now)

    async def keep_filtered_pages(self, pages: FilteredPages, now: EpochMs) -> None:
        """Keeps what filtered listings cost, for later plans and scans."""
        await measurements.write_measurement(self._files, pages, now)

    async def verify(self, scan_id: str) -> list[str]:
        """Reads every file of a committed scan; returns a sentence for each that is missing, changed or unreadable."""
        found = await catalogs.header_problems(self._files, ScanNames(scan_id))
        try:
            manifest = await self.manifest(scan_id)
        except StoreError as error:
            return [*found, str(error)]
        return [*found, *await replay.problems(self._files, ScanNames(scan_id), manifest)]

    async def verify_latest(self) -> list[str]:
        """Returns a sentence if `latest.json` does not name the newest committed scan."""
        return await latest_problems(self._files)

    async def decisions(self, rules: KeepRules, now: datetime) -> list[Decision]:
        """Returns what becomes of each committed scan under these rules, the oldest first."""
        return await decisions(self._files, rules, now)

    async def remove(self, scan_ids: Sequence[str]) -> list[str]:
        """Removes committed scans; returns the ids of those that are gone now."""
        return await remove(self._files, scan_ids, self.test_writes)

    async def prune(self, keep: int) -> list[str]:
        """Removes all but the newest `keep` committed scans, and unfinished ones that were given up.

        A scan that another process is writing is left alone. Returns the ids removed.
        """
        return await prune(self._files, keep, self.test_writes)
