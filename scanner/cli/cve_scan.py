"""Opens the scan that `patchsweep cve` asks, with what the scans before it name of CVEs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from scanner.cli.output import print_note
from scanner.cli.queries import copied_scans, open_scans
from scanner.core.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from scanner.core.model import ScanRow
    from scanner.core.settings import ViewSettings
    from scanner.reports.feeds.feed import Feed
    from scanner.reports.sql.query import Views
    from scanner.store.store import Store

_EARLIER_SCANS = 3  # read beside the one that is asked, for the CVE ids of patches that AWS names none for


@asynccontextmanager
async def open_scan(
    store: Store, scan: ScanRow, limits: ViewSettings, feeds: Sequence[Feed], cve_id: str
) -> AsyncIterator[Views]:
    """Opens a scan with the tables of `add_patches` for a CVE, by these feeds too.

    Raises:
        StoreError: A file of the scan is missing or damaged.
    """
    from scanner.core.relevant_rows import TABLES as RELEVANT
    from scanner.reports.cve_by_feed import add_verdicts
    from scanner.reports.cve_patches import add_patches
    from scanner.reports.cve_sql import NODE_COLUMNS

    earlier = await _names_of_earlier(store, scan.scan_id, limits)
    # Feeds decide by all rows.
    tables = {*RELEVANT, "nodes", "tags", *(["patches"] if feeds else [])}
    async with open_scans(store, [scan.scan_id], limits, tables) as views:
        await views.keep_nodes(NODE_COLUMNS, scan.scan_id)
        if feeds:
            await add_verdicts(views, scan, feeds, cve_id)
        await add_patches(views, scan.scan_id, cve_id, earlier, with_feeds=bool(feeds))
        yield views


async def _names_of_earlier(store: Store, scan_id: str, limits: ViewSettings) -> pa.Table:
    """Returns what the few scans before this one name of CVEs; where one is damaged, it is named and none is used."""
    from scanner.core.relevant_rows import PATCHES_TABLE
    from scanner.core.scan_files import ScanFiles
    from scanner.reports.sql.names import names_in

    earlier = [each for each in await store.committed() if each < scan_id][-_EARLIER_SCANS:]
    try:
        async with copied_scans(store, earlier, {PATCHES_TABLE}) as files:
            return await names_in(files, limits)
    except StoreError as error:
        print_note(f"CVE ids of earlier scans are not used: {error}")
        return await names_in(ScanFiles())
