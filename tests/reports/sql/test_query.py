"""SQL over a store gives the right answers, from committed scans only."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from scanner.core.errors import ConfigError, StoreError
from scanner.core.tables import TABLES
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.reports.open_store import fill, filled_views, views_of
from tests.store.memory_files import MemoryFiles
from tests.store.samples import STARTED_MS, commit, commit_manifest, node

ENDLESS = "SELECT count(*) FROM range(1_000_000_000) a, range(1_000_000) b WHERE a.range + b.range = -1"
MANY_THEN_NONE = "SELECT i FROM range(1_000_000_000_000) t(i) WHERE i < 30_000 OR md5(i::VARCHAR) = ''"
_ASKS_WITHOUT_END = """
import sys, anyio
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.reports.open_store import views_of

async def main(folder):
    store = Store(LocalFiles(folder))
    async with (
        views_of(store, await store.committed()) as views,
        views.run(sys.argv[2]) as rows,
    ):
        await anext(rows)
        print("asking", flush=True)
        async for _ in rows:
            pass

anyio.run(main, sys.argv[1])
"""


def stored(answer):
    """The columns of the table, without what the view computes."""
    return answer.select([name for name in answer.schema.names if name != "data_age_days"])


@pytest.mark.parametrize("table", TABLES)
async def test_each_view_has_the_columns_of_its_table(tmp_path, table):
    async with filled_views(tmp_path) as views:
        answer = stored(await views.fetch(f"SELECT * FROM {table}"))
    assert answer.schema.names == TABLES[table].names
    # DuckDB keeps times in microseconds; all other types are those of the contract.
    assert answer.cast(TABLES[table]).schema == TABLES[table]
    assert answer.num_rows


async def test_nodes_have_the_age_of_their_data_when_their_scan_ended(tmp_path):
    store = Store(LocalFiles(tmp_path))

    def scanned(number, ended):
        made = node(number)
        return structs.replace(made, state=structs.replace(made.state, operation_end_time=ended))

    day_ms = 86_400_000
    ends = [STARTED_MS, STARTED_MS - day_ms, STARTED_MS - 40 * day_ms, None]
    scan_id = await commit(store, [[scanned(number, ended) for number, ended in enumerate(ends)]])
    async with views_of(store, [scan_id]) as views:
        answer = await views.fetch("SELECT data_age_days FROM nodes ORDER BY instance_id")

    assert answer.column("data_age_days").to_pylist() == [0, 1, 40, None]


async def test_the_answers_are_right(tmp_path):
    async with filled_views(tmp_path) as views:
        counts = await views.fetch(
            "SELECT scan_id, state, count(*) AS patches FROM patches GROUP BY ALL ORDER BY scan_id, state"
        )
        nodes = await views.fetch("SELECT instance_id, status, reason FROM nodes ORDER BY scan_id, instance_id")
        cves = await views.fetch("SELECT DISTINCT instance_id FROM patches WHERE list_contains(cve_ids, 'CVE-2026-2')")
        scans = await views.fetch("SELECT status, nodes_verified, nodes_denied, patch_rows FROM scans ORDER BY scan_id")
    assert [(row["state"], row["patches"]) for row in counts.to_pylist()] == [
        ("INSTALLED", 2),
        ("MISSING", 2),
        ("INSTALLED", 4),
        ("MISSING", 3),
    ]
    assert [tuple(row.values()) for row in nodes.to_pylist()] == [
        ("i-0001", "verified", None),
        ("i-0001", "verified", None),
        ("i-0002", "denied", "no role"),
        ("i-0003", "verified", None),
    ]
    assert sorted(cves.column("instance_id").to_pylist()) == ["i-0001", "i-0003"]
    assert [tuple(row.values()) for row in scans.to_pylist()] == [("complete", 1, 0, 4), ("complete", 2, 1, 7)]


async def test_only_the_scans_asked_for_are_seen(tmp_path):
    files = LocalFiles(tmp_path)
    _, newer = await fill(files)
    async with views_of(Store(files), [newer]) as views:
        for table in TABLES:
            answer = await views.fetch(f"SELECT DISTINCT scan_id FROM {table}")
            assert answer.column("scan_id").to_pylist() == [newer]


async def test_a_store_that_is_no_folder_is_queried_the_same_way():
    files = MemoryFiles()
    older, newer = await fill(files)
    async with views_of(Store(files), [older, newer]) as views:
        answer = await views.fetch("SELECT count(*) AS n FROM patches")
    assert answer.to_pylist() == [{"n": 11}]


async def test_a_scan_without_nodes_has_empty_views():
    store = Store(MemoryFiles())
    async with views_of(store, [await commit(store, [])]) as views:
        assert [(await views.fetch(f"SELECT * FROM {table}")).num_rows for table in ("nodes", "patches")] == [0, 0]
        assert (await views.fetch("SELECT count(*) AS n FROM scans")).to_pylist() == [{"n": 1}]


async def test_no_scans_at_all_leave_empty_views_of_the_right_columns():
    async with views_of(Store(MemoryFiles()), []) as views:
        for table, schema in TABLES.items():
            answer = stored(await views.fetch(f"SELECT * FROM {table}"))
            assert (answer.num_rows, answer.schema.names) == (0, schema.names)


async def test_a_folder_whose_name_means_something_to_sql_or_glob_works(tmp_path):
    async with filled_views(tmp_path / "it's [1]* ?" / "k=v") as views:
        assert (await views.fetch("SELECT count(*) AS n FROM nodes")).to_pylist() == [{"n": 4}]


async def test_parameters_are_values_and_never_sql(tmp_path):
    async with filled_views(tmp_path) as views:
        sql = "SELECT count(*) AS n FROM patches WHERE list_contains(cve_ids, $cve)"
        assert (await views.fetch(sql, {"cve": "CVE-2026-1"})).to_pylist() == [{"n": 5}]
        assert (await views.fetch(sql, {"cve": "x') OR true --"})).to_pylist() == [{"n": 0}]


async def test_times_are_utc_whatever_the_machine_thinks(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    async with filled_views(tmp_path) as views:
        answer = await views.fetch("SELECT strftime(min(started_at), '%Y-%m-%d %H:%M') AS t FROM scans")
    assert answer.to_pylist() == [{"t": "2026-09-21 14:13"}]


async def test_a_large_answer_comes_in_batches_and_may_be_left_early(tmp_path):
    async with filled_views(tmp_path) as views:
        async with views.run(MANY_THEN_NONE) as rows:
            first = await anext(rows)
            assert 0 < first.num_rows <= 30_000
        assert (await views.fetch("SELECT 1 AS one")).to_pylist() == [{"one": 1}]


async def test_two_queries_may_be_open_at_once(tmp_path):
    async with (
        filled_views(tmp_path) as views,
        views.run("SELECT * FROM range(100_000)") as one,
        views.run("SELECT * FROM range(100_000)") as two,
    ):
        assert (await anext(one)).num_rows == (await anext(two)).num_rows


async def test_a_cancelled_query_stops_and_the_views_stay_usable(tmp_path):
    async with filled_views(tmp_path) as views:
        with anyio.move_on_after(0.2) as scope:
            await views.fetch(ENDLESS)
        assert scope.cancelled_caught
        assert (await views.fetch("SELECT 1 AS one")).to_pylist() == [{"one": 1}]


def _interrupt_a_query(folder: Path) -> str:
    """What a program says that gets a Ctrl-C in the middle of a query."""
    with subprocess.Popen(
        [sys.executable, "-c", _ASKS_WITHOUT_END, str(folder), MANY_THEN_NONE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as asking:
        assert asking.stdout.readline() == "asking\n"
        asking.send_signal(signal.SIGINT)
        try:
            return asking.communicate(timeout=300)[1]
        finally:
            asking.kill()


async def test_ctrl_c_stops_a_query(tmp_path):
    """The interpreter's own Ctrl-C cancels the main task by asyncio's means, which go through anyio's shields."""
    await fill(LocalFiles(tmp_path))
    assert _interrupt_a_query(tmp_path).rstrip().endswith("KeyboardInterrupt")


async def test_a_query_cancelled_before_it_starts_ends_too(tmp_path):
    async with filled_views(tmp_path) as views:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await views.fetch(ENDLESS)
        assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nope FROM patches", '"nope" not found'),
        ("SELECT * FROM nothing", "nothing does not exist"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
        ("SELECT CASE WHEN i > 250000 THEN error('too late') ELSE i END FROM range(300000) t(i)", "too late"),
    ],
)
async def test_what_duckdb_refuses_is_told_in_one_line(tmp_path, sql, said):
    async with filled_views(tmp_path) as views:
        with pytest.raises(ConfigError, match=f"the query failed: .*{said}") as refused:
            await views.fetch(sql)
    assert "\n" not in str(refused.value)


async def test_a_damaged_segment_is_named(tmp_path):
    store = Store(LocalFiles(tmp_path))
    manifest = await commit_manifest(store, [[node(1)]])
    path = tmp_path / manifest.segments[0].name
    path.write_bytes(b"x" * manifest.segments[0].bytes)
    with pytest.raises(StoreError, match=path.name):
        async with views_of(store, [manifest.scan.scan_id]):
            pass


async def test_a_semicolon_and_comments_are_welcome(tmp_path):
    async with filled_views(tmp_path) as views:
        for sql in (
            "SELECT 1 AS one;",
            "-- why\nSELECT 1 AS one -- that\n;\n",
            "SELECT 1 AS one -- end",
            "FROM (SELECT 1 one)",
        ):
            assert (await views.fetch(sql)).to_pylist() == [{"one": 1}]
