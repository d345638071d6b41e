"""An in-memory DuckDB that holds the views `patches`, `nodes`, `targets` and `scans`, and can do nothing else."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from scanner.core.model import ScanRow
from scanner.core.tables import NODES, SEGMENT, TARGETS, scans_table

_KEY = "scan_id, account_id, region, instance_id"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    # Otherwise a name in SQL may mean a variable of this program.
    "python_enable_replacements": "false",
}


def open_database(
    scans: Sequence[ScanRow], segments: Sequence[Path], targets: Sequence[Path], spill: Path
) -> duckdb.DuckDBPyConnection:
    """A connection that reads these files and no others, opens no network, loads no extension and keeps its settings.

    `spill` is where large sorts may put intermediate data. A statement that writes could still replace the files
    named here, so `select_only` has to stand before every statement.
    """
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = {_quoted(str(spill))}")
        # A path is held against the list as it is written in `read_parquet` and again as it is opened.
        allowed = {form for path in (*segments, *targets) for form in (str(path), _literal(path))}
        connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, allowed))}]")
        _create_views(connection, scans, segments, targets)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def select_only(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """The SQL in a form that can only read, or None if it is anything but one SELECT.

    As a subquery a statement cannot carry a `WITH` that writes: DuckDB takes those at the top level only.
    """
    if not _is_one_select(connection, sql):
        return None
    inner = sql.rstrip().rstrip(";")
    wrapped = f"SELECT * FROM (\n{inner}\n)"  # noqa: S608 - the user's own SQL, found to be one SELECT
    return wrapped if _is_one_select(connection, wrapped) else None


def _is_one_select(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    return [statement.type for statement in connection.extract_statements(sql)] == [duckdb.StatementType.SELECT]


def _create_views(
    connection: duckdb.DuckDBPyConnection, scans: Sequence[ScanRow], segments: Sequence[Path], targets: Sequence[Path]
) -> None:
    nodes = _files_or_nothing(connection, "no_nodes", segments, SEGMENT)
    _create_view(connection, "nodes", ", ".join(NODES.names), nodes)
    _create_view(connection, "patches", f"{_KEY}, unnest(patches, max_depth := 2)", nodes)
    _create_view(connection, "targets", "*", _files_or_nothing(connection, "no_targets", targets, TARGETS))
    _create_table(connection, "scans", scans_table(scans))


def _files_or_nothing(
    connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path], schema: pa.Schema
) -> str:
    if paths:
        listed = ", ".join(_quoted(_literal(path)) for path in paths)
        return f"read_parquet([{listed}], hive_partitioning = false)"
    _create_table(connection, name, schema.empty_table())
    return name


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, columns: str, source: str) -> None:
    connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM {source}")  # noqa: S608 - our own words, quoted


def _create_table(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("arriving", table)
    connection.execute(f"CREATE TABLE {name} AS FROM arriving")
    connection.unregister("arriving")


def _literal(path: Path) -> str:
    """The path for a function that would take `*`, `?` and `[` as patterns."""
    return glob.escape(str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
