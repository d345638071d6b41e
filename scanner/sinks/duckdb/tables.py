"""The tables in a DuckDB database: made, extended, filled and described."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa

from scanner.core.column import TIME, Table
from scanner.core.columns import DICTIONARY
from scanner.core.errors import SinkError
from scanner.sinks.older_tables import is_ours, missing_columns

_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    TIME: "TIMESTAMP WITH TIME ZONE",
    pa.list_(pa.string()): "VARCHAR[]",
}


_ROWS = "patchsweep_rows"


def replace_scan(
    database: duckdb.DuckDBPyConnection, scan_id: str, rows: Iterable[tuple[str, pa.RecordBatchReader]]
) -> None:
    """Replaces the scan by these rows of tables, in the open transaction.

    Raises:
        SinkError: a table of someone else has one of the names.
        duckdb.Error: the database refuses a statement.
    """
    for name, table in DICTIONARY.items():
        _provide_table(database, table)
        database.execute(f"DELETE FROM {name} WHERE scan_id = ?", [scan_id])  # noqa: S608 - a name of our own
    for name, reader in rows:
        database.register(_ROWS, reader)
        database.execute(f"INSERT INTO {name} BY NAME FROM {_ROWS}")
        database.unregister(_ROWS)


def describe_tables(database: duckdb.DuckDBPyConnection) -> None:
    """Writes the descriptions as comments where there is no comment yet, so that a comment of the user's own stays.

    Raises:
        duckdb.Error: the database refuses a comment.
    """
    database.begin()  # together: each of 150 comments would be made durable by itself, which takes 0.1 CPU s
    for statement in list(_comments(database)):
        database.execute(statement)
    database.commit()


def _provide_table(database: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = ", ".join(f'"{column.name}" {_TYPES[column.type]}' for column in table.columns)
    database.execute(f"CREATE TABLE IF NOT EXISTS {table.name} ({columns})")
    existing = database.table(table.name).columns
    if not is_ours(table, existing):
        raise SinkError(f"its table {table.name} is not one of patchsweep: choose another file")
    for column in missing_columns(table, existing):
        database.execute(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {_TYPES[column.type]}')


def _comments(database: duckdb.DuckDBPyConnection) -> Iterator[str]:
    for table in DICTIONARY.values():
        here = "database_name = current_database() AND schema_name = current_schema() AND table_name = ?"
        plain = f"SELECT 1 FROM duckdb_tables() WHERE {here} AND comment IS NULL"  # noqa: S608 - no outside text
        if database.execute(plain, [table.name]).fetchall():
            yield f"COMMENT ON TABLE {table.name} IS {_literal(table.description)}"
        plain = f"SELECT column_name FROM duckdb_columns() WHERE {here} AND comment IS NULL"  # noqa: S608 - as above
        uncommented = {name for (name,) in database.execute(plain, [table.name]).fetchall()}
        for column in table.columns:
            if column.name in uncommented:
                yield f'COMMENT ON COLUMN {table.name}."{column.name}" IS {_literal(column.description)}'


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
