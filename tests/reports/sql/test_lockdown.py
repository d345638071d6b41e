"""A query reads the views and nothing else, and changes nothing, however it is put."""

from __future__ import annotations

import http.server
import threading

import pytest

from scanner.core.errors import ConfigError, PatchsweepError
from tests.reports.open_store import filled_views

READS = (
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM read_text('{folder}/secret.txt')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT getenv('HOME')",
)
WRITES = (
    "COPY (SELECT 1) TO '{folder}/new.csv'",
    "COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false)",
    "WITH t AS (COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false)) SELECT * FROM t",
    "FROM (WITH t AS (COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false)) SELECT * FROM t)",
    "SELECT 1) ; COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false); SELECT * FROM (SELECT 1",
    "SELECT 1; COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false)",
    "PREPARE p AS COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false)",
    "EXPORT DATABASE '{folder}/new'",
    "SELECT * FROM enable_logging(storage_path = '{folder}/new')",
    "SELECT * FROM enable_profiling(save_location = '{folder}/new.json')",
    "WITH t AS (INSERT INTO scans SELECT * FROM scans RETURNING *) SELECT * FROM t",
)
COMMANDS = (
    "ATTACH '{folder}/new.db'",
    "ATTACH ':memory:' AS other",
    "CREATE TABLE more AS SELECT 1",
    "DROP VIEW patches",
    "DELETE FROM scans",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 1",
    "SET lock_configuration = false",
    "SET enable_external_access = true",
    "RESET TimeZone",
    "SET VARIABLE x = 1",
    "PRAGMA database_list",
    "CALL enable_logging()",
    "BEGIN",
    "CHECKPOINT",
    "USE memory",
    "CREATE SECRET (TYPE s3)",
    "IMPORT DATABASE '/tmp'",
    "",
    "-- nothing",
    "SELECT 1; SELECT 2",
)


def _everything(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sql", COMMANDS)
async def test_a_command_is_turned_away_before_duckdb_sees_it(tmp_path, sql):
    async with filled_views(tmp_path) as views:
        with pytest.raises(ConfigError, match="a query has to be one SELECT over patches, nodes"):
            await views.fetch(sql)


@pytest.mark.parametrize("sql", [*READS, *WRITES, *COMMANDS])
async def test_nothing_but_a_select_over_the_views_is_run(tmp_path, sql):
    (tmp_path / "secret.txt").write_text("hush")
    async with filled_views(tmp_path / "store") as views:
        before = _everything(tmp_path)
        segment = next(name for name in before if "/segments/" in name)
        with pytest.raises(PatchsweepError) as refused:
            await views.fetch(sql.format(folder=tmp_path, segment=segment))
        assert isinstance(refused.value, ConfigError)
        assert _everything(tmp_path) == before
        assert (await views.fetch("SELECT count(*) AS n FROM scans")).to_pylist() == [{"n": 2}]


async def test_no_query_reaches_the_network(tmp_path):
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

        do_HEAD = do_GET  # noqa: N815 - the name the standard library calls

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        async with filled_views(tmp_path) as views:
            for function in ("read_csv", "read_parquet", "read_text", "read_json"):
                with pytest.raises(ConfigError):
                    await views.fetch(f"SELECT * FROM {function}('http://127.0.0.1:{server.server_port}/x')")
        server.shutdown()
    assert asked == []


async def test_variables_of_the_program_are_no_tables(tmp_path):
    async with filled_views(tmp_path) as views:
        for name in ("cursor", "select", "sql", "segments"):
            with pytest.raises(ConfigError, match=r"does not exist|syntax error"):
                await views.fetch(f'SELECT * FROM "{name}"')


async def test_a_large_sort_may_spill_but_not_into_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with filled_views(tmp_path / "store") as views:
        setting = await views.fetch("SELECT current_setting('temp_directory') AS folder")
        assert not setting.to_pylist()[0]["folder"].startswith(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
