"""A store with two committed scans and one unfinished, and its views."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pyarrow as pa
from msgspec import structs

from scanner.core.baselines import Baseline
from scanner.core.columns import DICTIONARY
from scanner.core.interfaces import Files
from scanner.core.model import NodeStatus, Target
from scanner.core.relevant_rows import PATCHES_TABLE
from scanner.core.relevant_rows import TABLES as RELEVANT
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.reports.sql.names import names_in
from scanner.reports.sql.query import Views, open_views
from scanner.store.store import Store
from tests.store.samples import STARTED_MS, commit, header, node, opened

OTHER = Target("222222222222", "us-east-1")


async def fill(files: Files) -> tuple[str, str]:
    """The ids of the two committed scans, older first."""
    store = Store(files)
    tagged = structs.replace(node(1, patches=4), tags=(("Team", "web"),))
    baselines = (Baseline("pb-1"),)
    older = await commit(store, [[tagged]], STARTED_MS, baselines=baselines)
    segments = [
        [tagged, node(2, patches=0, status=NodeStatus.DENIED, reason="no role")],
        [node(3, patches=3, target=OTHER)],
    ]
    newer = await commit(store, segments, STARTED_MS + 60_000, baselines=baselines)
    unfinished = store.new_scan_id(STARTED_MS + 90_000)
    await opened(store, unfinished).begin(header(unfinished))
    await opened(store, unfinished).add_segment(segment_table(unfinished, [node(9)]))
    return older, newer


@asynccontextmanager
async def views_of(store: Store, scan_ids: Sequence[str]) -> AsyncIterator[Views]:
    """The views over every table, and over the rows that reports are made of as the scans have kept them."""
    async with (
        store.local_copy(scan_ids, {*DICTIONARY, *RELEVANT}) as copy,
        open_views(copy) as views,
    ):
        yield views


async def names_of(store: Store, scan_ids: Sequence[str]) -> pa.Table:
    """What the scans name of CVEs."""
    async with store.local_copy(scan_ids, {PATCHES_TABLE}) as files:
        return await names_in(files)


@asynccontextmanager
async def filled_views(folder: Path) -> AsyncIterator[Views]:
    """The views over all committed scans of a filled store in this folder."""
    files = LocalFiles(folder)
    await fill(files)
    store = Store(files)
    async with views_of(store, await store.committed()) as views:
        yield views
