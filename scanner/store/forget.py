"""Removes scans that no rule keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from scanner.core.comparable import ComparablePart
from scanner.core.concurrency import map_bounded
from scanner.core.interfaces import Files
from scanner.store.catalog import catalog
from scanner.store.choose import part_of
from scanner.store.layout import started_at
from scanner.store.retention import Decision, KeepRules, StoredScan, decide
from scanner.store.segment_reader import FILES_AT_ONCE


async def decisions(files: Files, rules: KeepRules, now: datetime) -> list[Decision]:
    """Returns what becomes of each committed scan under the rules, the oldest first; each scope has its own groups."""
    committed = (await catalog(files)).committed
    parts: Sequence[ComparablePart | None] = await map_bounded(partial(part_of, files), committed, FILES_AT_ONCE)
    scans = [StoredScan(scan_id, started_at(scan_id), part) for scan_id, part in zip(committed, parts, strict=True)]
    return decide(scans, rules, now)
