"""The descriptions of tables and columns as comments in the database, where the role may write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, sql

from scanner.core.columns import DICTIONARY
from scanner.sinks.postgresql.tables import ExistingTable


async def describe_tables(connection: AsyncConnection, existing: Mapping[str, ExistingTable]) -> None:
    """Comments on what has no comment yet, so that a comment of the user's own stays.

    Only the owner of a table may do that; for others, and where the server refuses it, nothing happens.
    """
    statements = [
        statement for name, table in existing.items() if table.is_owned for statement in _comments(name, table)
    ]
    if statements:
        with suppress(psycopg.DatabaseError):
            async with connection.transaction():  # a savepoint: what is refused is taken back alone
                await connection.execute(sql.SQL("; ").join(statements))


def _comments(name: str, existing: ExistingTable) -> Iterator[sql.Composed]:
    table = DICTIONARY[name]
    if not existing.has_comment:
        yield sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(name), sql.Literal(table.description))
    for column in table.columns:
        if column.name not in existing.commented:
            place = sql.Identifier(name, column.name)
            yield sql.SQL("COMMENT ON COLUMN {} IS {}").format(place, sql.Literal(column.description))
