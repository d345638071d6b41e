"""Patches put into patchsweep's words one value at a time: the plain way that the columns are held against."""

from __future__ import annotations

import pyarrow as pa

from scanner.core.normalize import cve_ids, epoch_ms
from scanner.core.patch_rows import ROW_TEXTS, Patch, PatchPage, PatchRows
from scanner.core.state_names import documented_state


def row_in_words(row: Patch) -> tuple:
    """The members of a `PATCH` row in their order, the time in epoch milliseconds."""
    return (
        row.kb_id or "",
        row.title or None,
        row.classification or None,
        row.severity or None,
        documented_state(row.state or ""),
        epoch_ms(row.installed_time),
        cve_ids(row.cve_ids or ""),
    )


def rows_of(words: pa.StructArray | pa.Table) -> list[tuple]:
    """Columns of the `PATCH` members as rows of the same form."""
    *texts, times, cves = words.flatten() if isinstance(words, pa.StructArray) else words.columns
    # As milliseconds: a moment at the end of the calendar may round to one that no datetime holds.
    moments = times.cast(pa.int64()).to_pylist()
    return list(zip(*(text.to_pylist() for text in texts), moments, map(tuple, cves.to_pylist()), strict=True))


def rows_of_page(page: PatchPage) -> list[Patch]:
    """The rows of a page, each on its own; nothing and empty are the same."""
    return rows_listed(PatchRows(page.rows))


def rows_listed(rows: PatchRows) -> list[Patch]:
    """Columns as AWS listed them as rows."""
    return [
        Patch(**dict(zip(ROW_TEXTS, texts, strict=True)), installed_time=time)
        for *texts, time in zip(*map(rows.column, ROW_TEXTS), rows.times, strict=True)
    ]
