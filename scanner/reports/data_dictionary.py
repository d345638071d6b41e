"""The data dictionary for readers: as a document, and as JSON for other programs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pyarrow as pa

from scanner.core.column import TIME, Column, Table
from scanner.core.columns import DICTIONARY

#: Grows when a member is renamed or removed; new tables, columns and members do not change it.
SCHEMA_VERSION = 1

_TYPE_NAMES = {
    pa.string(): "string",
    pa.int64(): "integer",
    pa.bool_(): "boolean",
    TIME: "timestamp",
    pa.list_(pa.string()): "list of strings",
}


class DescribedColumn(msgspec.Struct, frozen=True):
    """A column as `patchsweep schema --format json` shows it."""

    name: str
    type: str
    nullable: bool
    description: str


class DescribedTable(msgspec.Struct, frozen=True):
    """A table as `patchsweep schema --format json` shows it."""

    name: str
    description: str
    columns: tuple[DescribedColumn, ...]


class DescribedTables(msgspec.Struct, frozen=True):
    """The whole document."""

    schema_version: int
    tables: tuple[DescribedTable, ...]


def described_tables() -> DescribedTables:
    """Returns every table and column that a scan delivers."""
    return DescribedTables(SCHEMA_VERSION, tuple(map(_described, DICTIONARY.values())))


def _described(table: Table) -> DescribedTable:
    return DescribedTable(table.name, table.description, tuple(map(_described_column, table.columns)))


def _described_column(column: Column) -> DescribedColumn:
    return DescribedColumn(column.name, _TYPE_NAMES[column.type], column.is_nullable, column.description)


def markdown_document() -> str:
    """Returns `docs/tables.md`."""
    return "\n".join(_markdown_lines())


def _markdown_lines() -> Iterator[str]:
    yield "# Tables"
    yield ""
    yield "Every scan delivers these tables, in the store and in every sink. `patchsweep schema` prints them too, and"
    yield "`patchsweep schema --format json` for programs. Times are in UTC. This page is written from the code by"
    yield "`python -m tests.generated`."
    for table in described_tables().tables:
        yield ""
        yield f"## {table.name}"
        yield ""
        yield table.description
        yield ""
        yield "| column | type | meaning |"
        yield "| --- | --- | --- |"
        for column in table.columns:
            null = "" if column.nullable else ", never null"
            yield f"| `{column.name}` | {column.type}{null} | {column.description.replace('*', chr(92) + '*')} |"
    yield ""
