"""Reads from scans what AWS names of the CVEs that their patches fix."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa
from anyio import to_thread

from scanner.core.relevant_rows import PATCHES_TABLE
from scanner.core.scan_files import ScanFiles
from scanner.core.settings import ViewSettings
from scanner.reports.sql.chosen_rows import chosen_rows
from scanner.reports.sql.interruptible import reading
from scanner.reports.sql.kept_rows import kept_names
from scanner.reports.sql.numbered import ALL_NAMES, NAMES, as_coded, names
from scanner.reports.sql.query import open_views


async def names_in(files: ScanFiles, limits: ViewSettings | None = None) -> pa.Table:
    """Returns the distinct `NAMES` of the rows of these scans that name CVEs, as texts.

    Raises:
        StoreError: a file cannot be read.
    """
    nested = []
    if files.nested:
        async with open_views(files, limits) as views:
            nested.append(as_coded(await views.fetch(ALL_NAMES), NAMES))
    elif files.columns is not None:
        await files.columns.bring("patches", NAMES)
    return await to_thread.run_sync(reading, partial(_names, files, nested), abandon_on_cancel=True)


def _names(files: ScanFiles, nested: list[pa.Table]) -> pa.Table:
    return names(_pieces(files, nested))


def _pieces(files: ScanFiles, nested: list[pa.Table]) -> Iterator[pa.Table]:
    for tables in files.relevant.values():
        yield kept_names(tables[PATCHES_TABLE], NAMES)
    yield from nested if files.nested else chosen_rows(files.patches, NAMES, ())
