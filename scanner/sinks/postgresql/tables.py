"""The tables in a database: made where they are missing, extended by new columns, otherwise checked."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from msgspec import Struct
from psycopg import AsyncConnection, sql

from scanner.core.column import TIME, Column
from scanner.core.columns import DICTIONARY
from scanner.core.errors import SinkError
from scanner.core.safe_text import mask_secrets
from scanner.sinks.older_tables import is_ours, missing_columns
from scanner.sinks.postgresql.errors import AND_THEN
from scanner.sinks.postgresql.locks import lock

_TYPES = {
    pa.string(): sql.SQL("text"),
    pa.int64(): sql.SQL("bigint"),
    pa.bool_(): sql.SQL("boolean"),
    TIME: sql.SQL("timestamp with time zone"),
    pa.list_(pa.string()): sql.SQL("text[]"),
}
_NODE = ["scan_id", "account_id", "region", "instance_id"]
_KEYS = {"nodes": _NODE, "targets": ["scan_id", "account_id", "region"], "scans": ["scan_id"]}
# Of all that a row of `patches` costs the server, indexes are more than half. The Region would make its part of that a
# quarter more, and tells no node from another. Nearly all rows are in the states that the second one leaves out, for
# which it would be of no use.
_PATCH_INDEXES = {
    "patches_node": sql.SQL("(scan_id, account_id, instance_id)"),
    "patches_state": sql.SQL("(scan_id, state) WHERE state NOT IN ('INSTALLED', 'INSTALLED_OTHER', 'NOT_APPLICABLE')"),
}

# Looked up as every other statement does it: in the first schema of the search path that has a table of this name. What
# a role may alter and comment on is what it owns, itself or by the roles that it is a member of.
_EXISTING = """
SELECT name, nspname, pg_has_role(relowner, 'USAGE'), obj_description(pg_class.oid, 'pg_class') IS NOT NULL,
    coalesce(attname, ''), coalesce(format_type(atttypid, NULL), ''),
    col_description(pg_class.oid, attnum) IS NOT NULL
FROM unnest(%s::text[]) AS name
JOIN pg_class ON pg_class.oid = to_regclass(name)
JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
"""


class ExistingTable(Struct, frozen=True):
    """A table in the database: its schema, its columns' types as PostgreSQL names them, and what has a comment."""

    schema: str
    is_owned: bool
    has_comment: bool
    types: dict[str, str]
    commented: set[str]


async def provide_tables(connection: AsyncConnection, url: str, *, may_alter: bool) -> dict[str, ExistingTable]:
    """Makes the tables that are missing, and with `may_alter` adds columns that a later version has.

    The caller commits, or rolls back. A trial does not alter: that would wait for every reader of the table.

    Raises:
        SinkError: an existing table does not fit and cannot be extended.
    """
    existing = await _existing(connection)
    if existing.keys() != DICTIONARY.keys() or (may_alter and _extensible(existing)):
        await lock(connection, "tables")
        # Another run may have made or extended them while this one waited.
        existing = await _existing(connection)
        for name in [name for name in DICTIONARY if name not in existing]:
            await _make(connection, name)
        for name, columns in _extensible(existing).items():
            await _extend(connection, name, columns)
        existing = await _existing(connection)
    wrong = misfit(existing)
    if wrong:
        raise SinkError(f"cannot add a scan to {mask_secrets(url)}: {wrong}; {AND_THEN}")
    return existing


def _extensible(existing: Mapping[str, ExistingTable]) -> dict[str, list[Column]]:
    """Returns the columns that can be added to our own tables, by table."""
    missing = {
        name: missing_columns(DICTIONARY[name], table.types)
        for name, table in existing.items()
        if table.is_owned and is_ours(DICTIONARY[name], table.types)
    }
    return {name: columns for name, columns in missing.items() if columns}


def misfit(existing: Mapping[str, ExistingTable]) -> str | None:
    """Returns the first column that is of another type, or missing where it cannot be added, and what to do.

    Columns beyond ours do not matter.
    """
    extensible = _extensible(existing)
    for name, table in existing.items():
        for column in DICTIONARY[name].columns:
            kind, wanted = table.types.get(column.name), _TYPES[column.type].as_string()
            if kind == wanted or (kind is None and name in extensible):
                continue
            if kind is None:
                change, complaint = f"ADD COLUMN {column.name} {wanted}", f"has no column {column.name}"
            else:
                # Without USING the server turns no text into anything else.
                change = f"ALTER COLUMN {column.name} TYPE {wanted} USING {column.name}::{wanted}"
                complaint = f"has the column {column.name} as {kind}, which has to be {wanted}"
            return (
                f"the table {table.schema}.{name} {complaint}: ALTER TABLE {table.schema}.{name} {change}, or keep the "
                "scans in a schema of their own (?options=-csearch_path%3DNAME)"
            )
    return None


async def _existing(connection: AsyncConnection) -> dict[str, ExistingTable]:
    cursor = await connection.execute(_EXISTING, [list(DICTIONARY)])
    tables: dict[str, ExistingTable] = {}
    for name, schema, is_owned, has_comment, column, kind, is_commented in await cursor.fetchall():
        table = tables.setdefault(name, ExistingTable(schema, is_owned, has_comment, {}, set()))
        table.types[column] = kind
        if is_commented:
            table.commented.add(column)
    return tables


async def _extend(connection: AsyncConnection, name: str, columns: list[Column]) -> None:
    # Never NOT NULL: the scans that the table holds have no value for it.
    additions = [
        sql.SQL("ADD COLUMN IF NOT EXISTS {} {}").format(sql.Identifier(column.name), _TYPES[column.type])
        for column in columns
    ]
    statement = sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(name), sql.SQL(", ").join(additions))
    await connection.execute(statement)


async def _make(connection: AsyncConnection, name: str) -> None:
    parts = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name), _TYPES[column.type], sql.SQL("" if column.is_nullable else " NOT NULL")
        )
        for column in DICTIONARY[name].columns
    ]
    if name in _KEYS:
        parts.append(sql.SQL("PRIMARY KEY ({})").format(_listed(_KEYS[name])))
    making = sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})")
    await connection.execute(making.format(sql.Identifier(name), sql.SQL(", ").join(parts)))
    if name == "patches":
        for index, rows in _PATCH_INDEXES.items():
            indexing = sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} {}")
            await connection.execute(indexing.format(sql.Identifier(index), sql.Identifier(name), rows))


def _listed(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
