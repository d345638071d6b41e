"""The four tables in a database: made where they are missing, checked where they are there, never altered."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from msgspec import Struct
from psycopg import AsyncConnection, sql

from scanner.core.column import TIME
from scanner.core.errors import SinkError
from scanner.core.safe_text import mask_secrets
from scanner.core.tables import TABLES
from scanner.sinks.postgresql.errors import AND_THEN
from scanner.sinks.postgresql.locks import lock

_TYPES = {
    pa.string(): sql.SQL("text"),
    pa.int64(): sql.SQL("bigint"),
    TIME: sql.SQL("timestamp with time zone"),
    pa.list_(pa.string()): sql.SQL("text[]"),
}
_NODE = ["scan_id", "account_id", "region", "instance_id"]
_KEYS = {"nodes": _NODE, "targets": ["scan_id", "account_id", "region"], "scans": ["scan_id"]}
_PATCH_INDEXES = {"patches_node": _NODE, "patches_state": ["scan_id", "state"]}

# Found as every other statement finds them: in the first schema of the search path that has a table of this name.
_FOUND = """
SELECT name, nspname, coalesce(attname, ''), coalesce(format_type(atttypid, NULL), '')
FROM unnest(%s::text[]) AS name
JOIN pg_class ON pg_class.oid = to_regclass(name)
JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
"""


class FoundTable(Struct, frozen=True):
    """A table that is there: its schema, and its columns' types by name, as PostgreSQL calls them."""

    schema: str
    types: dict[str, str]


async def provide_tables(connection: AsyncConnection, url: str) -> None:
    """Make the tables that are missing; the caller commits, or takes them back.

    Raises:
        SinkError: a table that is there does not fit.
    """
    if (await _found(connection)).keys() != TABLES.keys():
        await lock(connection, "tables")
        # Another run may have made them while this one waited.
        found = await _found(connection)
        for name in TABLES:
            if name not in found:
                await _make(connection, name)
    wrong = misfit(await _found(connection))
    if wrong:
        raise SinkError(f"cannot add a scan to {mask_secrets(url)}: {wrong}; {AND_THEN}")


def misfit(found: Mapping[str, FoundTable]) -> str | None:
    """The first column that is missing or of another type, and the way out; columns beyond ours are no matter."""
    for name, schema in TABLES.items():
        table = found[name]
        for field in schema:
            kind, wanted = table.types.get(field.name), _TYPES[field.type].as_string()
            if kind is None:
                change = f"ADD COLUMN {field.name} {wanted}"
                complaint = f"has no column {field.name}"
            elif kind != wanted:
                change = f"ALTER COLUMN {field.name} TYPE {wanted}"
                complaint = f"has the column {field.name} as {kind}, which has to be {wanted}"
            else:
                continue
            return (
                f"the table {table.schema}.{name} {complaint}: ALTER TABLE {table.schema}.{name} {change}, or keep the "
                "scans in a schema of their own (?options=-csearch_path%3DNAME)"
            )
    return None


async def _found(connection: AsyncConnection) -> dict[str, FoundTable]:
    cursor = await connection.execute(_FOUND, [list(TABLES)])
    found: dict[str, FoundTable] = {}
    for name, schema, column, kind in await cursor.fetchall():
        found.setdefault(name, FoundTable(schema, {})).types[column] = kind
    return found


async def _make(connection: AsyncConnection, name: str) -> None:
    parts = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(field.name), _TYPES[field.type], sql.SQL("" if field.nullable else " NOT NULL")
        )
        for field in TABLES[name]
    ]
    if name in _KEYS:
        parts.append(sql.SQL("PRIMARY KEY ({})").format(_listed(_KEYS[name])))
    making = sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})")
    await connection.execute(making.format(sql.Identifier(name), sql.SQL(", ").join(parts)))
    if name == "patches":
        for index, columns in _PATCH_INDEXES.items():
            indexing = sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})")
            await connection.execute(indexing.format(sql.Identifier(index), sql.Identifier(name), _listed(columns)))


def _listed(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
