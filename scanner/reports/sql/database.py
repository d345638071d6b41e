"""An in-memory DuckDB that holds a view of each table, and can do nothing else."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from scanner.core.column import Column
from scanner.core.columns import NODE_KEY, TARGET_KEY
from scanner.core.scan_files import ScanFiles
from scanner.core.tables import BASELINES, NODES, NODES_FILE, PATCHES, SEGMENT, TAGS, TARGET_FILE, TARGETS, scans_table
from scanner.reports.feeds.dpkg import compare_dpkg

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    # Otherwise a name in SQL may mean a variable of this program.
    "python_enable_replacements": "false",
}

_FILE_SCHEMAS = {"nodes": NODES_FILE, "nested": SEGMENT, "patches": PATCHES, "targets": TARGET_FILE}
#: Full days from the end of a node's last patching operation to the end of its scan.
_DATA_AGE = "(scan_ended_ms - epoch_ms(operation_end_time)) // 86_400_000 AS data_age_days"
_SCAN_ENDS = "LEFT JOIN (SELECT scan_id, epoch_ms(finished_at) AS scan_ended_ms FROM scans) USING (scan_id)"


def open_database(files: ScanFiles, spill: Path, memory_mb: int) -> duckdb.DuckDBPyConnection:
    """Returns a connection that reads these files alone, opens no network, loads no extension and keeps its settings.

    `spill` is where goes what does not fit into `memory_mb`. A statement that writes could still replace the files
    named here, so `select_only` has to stand before every statement.
    """
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = {_quoted(str(spill))}")
        connection.execute(f"SET memory_limit = '{memory_mb}MB'")
        templates = {name: _template(spill, name, schema) for name, schema in _FILE_SCHEMAS.items()}
        # A path is held against the list as it is written in `read_parquet` and again as it is opened.
        paths = (*files.nodes, *files.patches, *files.targets, *templates.values())
        allowed = {form for path in paths for form in (str(path), _literal(path))}
        connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, allowed))}]")
        _create_views(connection, files, templates)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def add_tables(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    """Creates these tables, or puts them in the place of those of before; names are ours, and rows are copied."""
    for name, table in tables.items():
        _create_table(connection, name, table)


def keep_nodes(
    connection: duckdb.DuckDBPyConnection, files: ScanFiles, spill: Path, columns: Sequence[str], scan_id: str
) -> None:
    """Reads these columns of a scan's `nodes`, and its `tags`, into memory, and lets both views read from there.

    Each query over the views opens all files: 0.4 s of CPU and more for 100,000 nodes.
    """
    source = _files([spill / _template_name("nodes"), *files.nodes])
    selected = f"SELECT {', '.join(columns)}, tags FROM {source} WHERE scan_id = {_quoted(scan_id)}"  # noqa: S608 - our own words, quoted
    connection.execute(f"CREATE TABLE kept_nodes AS {selected}")
    connection.execute("DROP VIEW nodes; DROP VIEW tags")
    _create_view(connection, "nodes", f"{', '.join(columns)}, {_DATA_AGE}", f"kept_nodes {_SCAN_ENDS}")
    _create_view(connection, "tags", "*", f"({_unnested('tags', NODE_KEY, TAGS, 'kept_nodes')})")


def append_rows(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Adds rows to a table of ours, which the first ones create; what does not fit into the memory goes to the disk."""
    connection.register("arriving", rows)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {name} AS FROM arriving LIMIT 0")
    connection.execute(f"INSERT INTO {name} FROM arriving")
    connection.unregister("arriving")


def add_dpkg_order(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates the function `compare_dpkg`; a call takes 38 us, so it is for rows that are narrowed before."""
    # The stubs know `null_handling` as an enum alone, which moved in DuckDB 2.
    create: Callable[..., object] = connection.create_function
    create("compare_dpkg", compare_dpkg, ["VARCHAR", "VARCHAR"], "INTEGER", null_handling="special")


def select_only(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """Returns the SQL in a form that can only read, or None if it is anything but one SELECT.

    As a subquery a statement cannot carry a `WITH` that writes: DuckDB takes those at the top level only.
    """
    if not _is_one_select(connection, sql):
        return None
    inner = sql.rstrip().rstrip(";")
    wrapped = f"SELECT * FROM (\n{inner}\n)"  # noqa: S608 - the user's own SQL, found to be one SELECT
    return wrapped if _is_one_select(connection, wrapped) else None


def _is_one_select(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    return [statement.type for statement in connection.extract_statements(sql)] == [duckdb.StatementType.SELECT]


def _create_views(connection: duckdb.DuckDBPyConnection, files: ScanFiles, templates: Mapping[str, Path]) -> None:
    _create_table(connection, "scans", scans_table(files.scans))
    nodes = _files([templates["nodes"], *files.nodes])
    targets = _files([templates["targets"], *files.targets])
    # A view that is created opens each of its files: 0.1 s of CPU for those of 100,000 nodes.
    if files.has("nodes"):
        _create_view(connection, "nodes", f"{', '.join(NODES.names)}, {_DATA_AGE}", f"{nodes} {_SCAN_ENDS}")
    if files.has("patches"):
        _create_view(connection, "patches", ", ".join(PATCHES.names), _patches(files, templates))
    if files.has("tags"):
        _create_view(connection, "tags", "*", f"({_unnested('tags', NODE_KEY, TAGS, nodes)})")
    _create_view(connection, "targets", ", ".join(TARGETS.names), targets)
    _create_view(connection, "baselines", "*", f"({_unnested('baselines', TARGET_KEY, BASELINES, targets)})")


def _patches(files: ScanFiles, templates: Mapping[str, Path]) -> str:
    """Returns the rows of the patches files, and those that nodes files of the first release hold themselves."""
    flat = _files([templates["patches"], *files.patches])
    if not files.nested:
        return flat
    nested = _unnested("patches", NODE_KEY, PATCHES, _files([templates["nested"], *files.nested]))
    return f"(SELECT {', '.join(PATCHES.names)} FROM {flat} UNION ALL {nested})"  # noqa: S608 - our own words, quoted


def _files(paths: Sequence[Path]) -> str:
    """Returns the rows of these files; a column that one of them lacks is null there."""
    listed = ", ".join(_quoted(_literal(path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"


def _template_name(name: str) -> str:
    return f"columns-of-{name}.parquet"


def _template(folder: Path, name: str, schema: pa.Schema) -> Path:
    """Writes a Parquet file without rows, which adds the columns that none of the scans' own files has."""
    path = folder / _template_name(name)
    pq.write_table(schema.empty_table(), path)
    return path


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, columns: str, source: str) -> None:
    connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM {source}")  # noqa: S608 - our own words, quoted


def _unnested(name: str, key: Sequence[Column], schema: pa.Schema, source: str) -> str:
    """Returns the SELECT of a table that is nested in a column of its name."""
    keys = ", ".join(column.name for column in key)
    members = ", ".join(f"row.{field.name}" for field in list(schema)[len(key) :])
    return f"SELECT {keys}, {members} FROM (SELECT {keys}, unnest({name}) AS row FROM {source})"  # noqa: S608 - our own words, quoted


def _create_table(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("arriving", table)
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS FROM arriving")
    connection.unregister("arriving")


def _literal(path: Path) -> str:
    """Returns the path for a function that would take `*`, `?` and `[` as patterns."""
    return glob.escape(str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
