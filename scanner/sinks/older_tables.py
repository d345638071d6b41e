"""Tables that an earlier version of patchsweep made in a database: which columns they lack."""

from __future__ import annotations

from collections.abc import Collection

from scanner.core.column import Column, Table

#: The first columns of a table tell it from one of someone else that happens to have its name: every version has them.
_IDENTIFYING_COLUMNS = 4


def is_ours(table: Table, existing: Collection[str]) -> bool:
    """Returns whether patchsweep made an existing table with these columns, so that columns may be added to it."""
    return {column.name for column in table.columns[:_IDENTIFYING_COLUMNS]} <= set(existing)


def missing_columns(table: Table, existing: Collection[str]) -> list[Column]:
    """Returns the columns that were added to the table since it was made."""
    return [column for column in table.columns if column.name not in existing]
