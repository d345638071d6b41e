"""Tables that an earlier version of patchsweep made in a database: which columns they lack."""

from __future__ import annotations

from collections.abc import Collection

from scanner.core.column import Column, Table


def is_ours(table: Table, existing: Collection[str]) -> bool:
    """Whether an existing table with these columns is one of ours: it has the scan id and most other columns.

    A table of someone else that happens to have the name is refused, never altered.
    """
    names = {column.name for column in table.columns}
    return "scan_id" in existing and 2 * len(names & set(existing)) >= len(names)


def missing_columns(table: Table, existing: Collection[str]) -> list[Column]:
    """Returns the columns that were added to the table since it was made."""
    return [column for column in table.columns if column.name not in existing]
