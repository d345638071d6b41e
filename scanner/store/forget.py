"""Removes scans that no rule keeps."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from scanner.core.comparable import ComparablePart
from scanner.core.concurrency import map_bounded
from scanner.core.interfaces import Files
from scanner.store.catalog import catalog
from scanner.store.choose import part_of
from scanner.store.layout import started_at
from scanner.store.retention import Decision, KeepRules, StoredScan, decide
from scanner.store.segment_reader import FILES_AT_ONCE, readable_manifest


async def decisions(files: Files, rules: KeepRules, now: datetime) -> list[Decision]:
    """Returns what becomes of each committed scan under the rules, the oldest first; each scope has its own groups."""
    committed = (await catalog(files)).committed
    return decide(await map_bounded(partial(_stored, files), committed, FILES_AT_ONCE), rules, now)


async def _stored(files: Files, scan_id: str) -> StoredScan[ComparablePart]:
    # One that cannot be read must not stand for the newest of its scope, or whole ones would go in its place.
    is_readable = await readable_manifest(files, scan_id) is not None
    return StoredScan(scan_id, started_at(scan_id), await part_of(files, scan_id) if is_readable else None)
