"""The sink: one transaction, from the first batch to the commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import anyio
import pyarrow as pa
from anyio import to_thread
from msgspec import Struct
from psycopg import AsyncConnection, sql

from scanner.core.interfaces import NodeBatch, ScanSummary, Sink
from scanner.core.tables import TABLES
from scanner.sinks.context import SinkContext
from scanner.sinks.postgresql.address import check_url, connect
from scanner.sinks.postgresql.binary_rows import binary_rows
from scanner.sinks.postgresql.comments import describe_tables
from scanner.sinks.postgresql.errors import database_errors
from scanner.sinks.postgresql.locks import lock
from scanner.sinks.postgresql.tables import provide_tables

#: One batch is made ready while the server takes in the one before: the server is the slower of the two.
_WRITES_AT_ONCE = 2


def postgresql_sink(where: str, context: SinkContext) -> Sink:
    """Returns the sink, or raises `ConfigError` for what is no URL of a PostgreSQL database."""
    check_url(where)
    return PostgresqlSink(where, context.scan_id)


class PostgresqlSink:
    """Sends the rows in one transaction, so that a scan is there whole or not at all.

    It is not `live`: a transaction as long as a scan would keep the whole database from being vacuumed, and a server's
    time limit on idle transactions would end it.
    """

    live: ClassVar[bool] = False
    writes_at_once: int = _WRITES_AT_ONCE

    def __init__(self, url: str, scan_id: str) -> None:
        self._url = url
        self._scan_id = scan_id
        self._connection: AsyncConnection | None = None
        self._turn = anyio.Lock()  # of who sends over the connection

    async def write(self, batch: NodeBatch) -> None:
        rows = await _rows_of(batch.tables())
        async with self._turn:
            with database_errors(self._url):
                await _send(await self._begun(), rows)

    async def commit(self, scan: ScanSummary) -> None:
        rows = await _rows_of(scan.tables())
        with database_errors(self._url):
            connection = await self._begun()
            await _send(connection, rows)
            await connection.commit()

    async def probe(self) -> None:
        """Sends a scan without rows and does not commit it, so that whatever is not allowed fails."""
        with database_errors(self._url):
            self._connection = await connect(self._url)
            existing = await provide_tables(self._connection, self._url, may_alter=False)
            await _clear(self._connection, self._scan_id)
            tables = {name: _empty(name, table.types) for name, table in existing.items()}
            await _send(self._connection, await _rows_of(tables))

    async def forget(self) -> None:
        """Removes the rows of the scan in one transaction."""
        with database_errors(self._url):
            self._connection = await connect(self._url)
            await provide_tables(self._connection, self._url, may_alter=False)
            await _clear(self._connection, self._scan_id)
            await self._connection.commit()

    async def aclose(self) -> None:
        """Closes the connection without a request: the server rolls back what was not committed."""
        if self._connection is not None:
            await self._connection.close()

    async def _begun(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await connect(self._url)
            existing = await provide_tables(self._connection, self._url, may_alter=True)
            await describe_tables(self._connection, existing)
            # The tables are visible at once, empty: no other run that needs them waits until this scan is sent.
            await self._connection.commit()
            await _clear(self._connection, self._scan_id)
        return self._connection


async def _clear(connection: AsyncConnection, scan_id: str) -> None:
    """Begins the transaction and removes what an earlier publication of the scan left."""
    # Two publications of one scan at once would not see each other's rows: the second waits for the first.
    await lock(connection, f"scan {scan_id}")
    for name in TABLES:
        removal = sql.SQL("DELETE FROM {} WHERE scan_id = %s").format(sql.Identifier(name))
        await connection.execute(removal, [scan_id])


def _empty(name: str, columns: Collection[str]) -> pa.Table:
    """Returns no rows, in those columns of the table that exist: the others are added with the first scan."""
    return TABLES[name].empty_table().select([column for column in TABLES[name].names if column in columns])


class _Rows(Struct, frozen=True):
    columns: list[str]
    binary: bytes


async def _rows_of(tables: Mapping[str, pa.Table]) -> dict[str, _Rows]:
    """Returns the rows of each table as they are sent."""
    return {
        name: _Rows(table.column_names, await to_thread.run_sync(binary_rows, table)) for name, table in tables.items()
    }


async def _send(connection: AsyncConnection, tables: Mapping[str, _Rows]) -> None:
    for name, rows in tables.items():
        copying = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
        )
        async with connection.cursor() as cursor, cursor.copy(copying) as copy:
            await copy.write(rows.binary)
