"""Scans in a database: whole or not at all, once, and every failure a sentence."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import anyio
import psycopg
import pyarrow as pa
import pytest
from msgspec import structs

from scanner.core.errors import SinkError
from scanner.sinks.testing.samples import awkward_scan, empty_scan, large_scan
from tests.sinks import publishing
from tests.sinks.postgresql.publishing import execute, make, publish, rows

pytestmark = pytest.mark.slow

SCAN = awkward_scan("s1")
COUNTS = "SELECT scan_id, count(*) FROM {} GROUP BY 1 ORDER BY 1"
SENDERS = "FROM pg_stat_activity WHERE application_name = 'patchsweep' AND datname = current_database()"
SOON_S = 120.0


def with_text(scan, name, text):
    """The scan with this text in a column of all its nodes or patches."""

    def changed(table):
        if name not in table.column_names:
            return table
        position = table.column_names.index(name)
        return table.set_column(position, table.schema.field(name), pa.array([text] * len(table), pa.string()))

    batches = [structs.replace(each, nodes=changed(each.nodes), patches=changed(each.patches)) for each in scan.batches]
    return structs.replace(scan, batches=batches)


@contextmanager
def stalled(url):
    """Whoever copies patches into the database stops at the first row, until the end."""
    trigger = "BEFORE INSERT ON patches FOR EACH ROW EXECUTE FUNCTION"
    execute(
        url,
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$",
        f"CREATE TRIGGER stall {trigger} stall()",
    )
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(7)")
        yield


async def is_waiting(url):
    """Return when the sink waits for another transaction."""
    with anyio.fail_after(300):
        while not rows(url, f"SELECT 1 {SENDERS} AND wait_event_type = 'Lock'"):  # noqa: ASYNC110 - a server has no Event
            await anyio.sleep(0.02)


async def test_a_node_whose_name_postgresql_cannot_hold_is_there_with_a_stand_in(database):
    await publish(database, with_text(SCAN, "computer_name", "a\0b"))
    assert rows(database, "SELECT DISTINCT computer_name FROM nodes") == [("a\ufffdb",)]
    assert rows(database, COUNTS.format("nodes")) == [("s1", 4)]


async def test_times_are_the_same_moments_wherever_the_server_is(database):
    execute(database, f"ALTER DATABASE {database.rpartition('/')[2]} SET timezone = 'Asia/Tokyo'")
    await publish(database, SCAN)
    assert rows(database, "SELECT (started_at AT TIME ZONE 'UTC')::text, started_at::text FROM scans") == [
        ("2026-11-23 12:00:00", "2026-11-23 21:00:00+09")
    ]


async def test_a_variable_for_another_encoding_changes_no_text(database, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    await publish(database, with_text(SCAN, "title", "更新"))
    monkeypatch.delenv("PGCLIENTENCODING")
    assert rows(database, "SELECT DISTINCT title FROM patches") == [("更新",)]


async def test_an_encoding_in_the_url_changes_no_text(database):
    await publish(f"{database}?client_encoding=LATIN1", with_text(SCAN, "title", "更新"))
    assert rows(database, "SELECT DISTINCT title FROM patches") == [("更新",)]


async def test_batches_that_are_written_at_once_are_all_there(database):
    sink = make(database)
    async with anyio.create_task_group() as group:
        for batch in SCAN.batches:
            group.start_soon(sink.write, batch)
    assert rows(database, COUNTS.format("patches")) == []
    await sink.commit(SCAN.summary)
    await sink.aclose()
    assert rows(database, COUNTS.format("patches")) == [("s1", 9)]
    assert rows(database, COUNTS.format("nodes")) == [("s1", 4)]


async def test_two_scans_published_side_by_side_into_an_empty_database_are_both_there(database):
    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(publish, database, awkward_scan(f"s{number}"))
    for table, count in {"patches": 9, "nodes": 4, "targets": 2, "scans": 1}.items():
        assert rows(database, COUNTS.format(table)) == [(f"s{number}", count) for number in range(4)]


@pytest.mark.parametrize("default", ["read committed", "repeatable read", "serializable"])
async def test_one_scan_published_twice_at_once_is_there_once(default, database):
    execute(database, f"ALTER DATABASE {database.rpartition('/')[2]} SET default_transaction_isolation = '{default}'")
    first = make(database)
    await first.write(SCAN.batches[0])
    async with anyio.create_task_group() as group:
        group.start_soon(publish, database, SCAN)
        await is_waiting(database)
        await first.write(SCAN.batches[1])
        await first.commit(SCAN.summary)
        await first.aclose()
    assert rows(database, COUNTS.format("patches")) == [("s1", 9)]
    assert rows(database, COUNTS.format("scans")) == [("s1", 1)]


async def test_another_scan_does_not_wait_for_one_that_is_being_sent(database):
    first = make(database, "s1")
    await first.write(SCAN.batches[0])
    with anyio.fail_after(SOON_S):
        await publish(database, awkward_scan("s2"))
    await first.aclose()
    assert rows(database, "SELECT scan_id FROM scans") == [("s2",)]


async def test_a_connection_that_is_lost_between_two_batches_leaves_the_scan_as_it_was(database):
    await publish(database, empty_scan("s1"))
    sink = make(database)
    await sink.write(SCAN.batches[0])
    assert rows(database, f"SELECT pg_terminate_backend(pid) {SENDERS}") == [(True,)]
    with pytest.raises(
        SinkError, match=r"cannot add a scan to postgresql://admin:\*\*\*@.*sends a stored scan again"
    ) as caught:
        await sink.write(SCAN.batches[1])
    assert "\n" not in str(caught.value)
    await sink.aclose()
    assert rows(database, COUNTS.format("patches")) == []
    assert rows(database, COUNTS.format("scans")) == [("s1", 1)]
    await publish(database, SCAN)
    assert rows(database, COUNTS.format("patches")) == [("s1", 9)]


async def test_a_connection_that_is_lost_within_a_batch_leaves_nothing(database):
    await publish(database, empty_scan("s0"))

    async def send():
        with pytest.raises(SinkError, match=r"terminating connection .*sends a stored scan again"):
            await publish(database, large_scan("s1"))

    with stalled(database):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await is_waiting(database)
            rows(database, f"SELECT pg_terminate_backend(pid) {SENDERS}")
    assert rows(database, COUNTS.format("nodes")) == []


async def test_a_cancelled_sink_ends_soon_and_leaves_nothing(database):
    await publish(database, empty_scan("s0"))
    sink = make(database)
    with stalled(database):
        with anyio.fail_after(SOON_S), anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(publishing.publish, sink, SCAN)
                await is_waiting(database)
                scope.cancel()
        assert scope.cancelled_caught
        with anyio.fail_after(SOON_S):
            await sink.aclose()
    assert rows(database, COUNTS.format("nodes")) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("-cstatement_timeout%3D50", r"statement timeout; allow longer statements \(\?options=-cstatement_timeout%3D0"),
        ("-clock_timeout%3D50", "lock timeout; correct that; patchsweep publish sends a stored scan again"),
    ],
)
async def test_a_time_limit_of_the_server_is_a_sentence(options, sentence, database):
    await publish(database, SCAN)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE patches")
        with pytest.raises(SinkError, match=sentence):
            await publish(f"{database}?options={options}", SCAN)
    assert rows(database, COUNTS.format("patches")) == [("s1", 9)]


async def test_a_pause_that_was_too_long_for_the_server_is_a_sentence(database):
    sink = make(f"{database}?options=-cidle_in_transaction_session_timeout%3D3000")
    await sink.write(SCAN.batches[0])
    with anyio.fail_after(300):
        while rows(database, f"SELECT 1 {SENDERS}"):  # noqa: ASYNC110 - a server has no Event
            await anyio.sleep(0.02)
    with pytest.raises(SinkError, match="idle-in-transaction timeout; allow longer pauses"):
        await sink.write(SCAN.batches[1])
    await sink.aclose()


async def test_a_server_that_takes_no_writes_is_a_sentence(database):
    with pytest.raises(SinkError, match="read-only transaction; name a server that takes writes"):
        await publish(f"{database}?options=-cdefault_transaction_read_only%3Don", SCAN)


async def test_a_full_disk_is_a_sentence_and_nothing_is_there(database):
    await publish(database, empty_scan("s0"))
    execute(
        database,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON patches FOR EACH ROW EXECUTE FUNCTION full_disk()",
    )
    with pytest.raises(SinkError, match="could not extend file; make room on the server; "):
        await publish(database, SCAN)
    assert rows(database, COUNTS.format("nodes")) == []


async def test_a_database_without_unicode_is_a_sentence(postgresql):
    sentence = '"LATIN1"; use a database with the encoding UTF8'
    with postgresql.database("ENCODING 'LATIN1' TEMPLATE template0") as url, pytest.raises(SinkError, match=sentence):
        await publish(url, SCAN)


async def probe(url):
    sink = make(url)
    try:
        await sink.probe()
    finally:
        await sink.aclose()


async def test_a_database_that_is_tried_is_as_before(database):
    await probe(database)
    assert rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    await publish(database, SCAN)
    await probe(database)
    assert rows(database, COUNTS.format("patches")) == [("s1", 9)]


async def test_what_a_role_lacks_is_seen_when_the_database_is_tried(database, postgresql):
    await publish(database, SCAN)
    with postgresql.role("deleter", "hush-deleter"):
        execute(database, "GRANT SELECT, DELETE ON patches, nodes, tags, targets, baselines, scans TO deleter")
        with pytest.raises(
            SinkError,
            match=r"denied for table \w+; grant this role SELECT, INSERT and DELETE on patches",
        ):
            await probe(database.replace("admin:hush-admin", "deleter:hush-deleter"))
        execute(database, "DROP OWNED BY deleter")


def test_without_its_driver_the_sink_says_how_to_install_it():
    code = (
        "import io, sys; sys.modules['psycopg'] = None\n"
        "from scanner.sinks.context import SinkContext\n"
        "from scanner.sinks.registry import installed_sinks\n"
        "from scanner.sinks.spec import parse_spec\n"
        "print([sink.note for sink in installed_sinks().installed('1') if sink.name == 'postgresql'])\n"
        "installed_sinks().build(parse_spec('postgresql://ann:s3cret@db/x'), SinkContext('s1', None, io.BytesIO()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    remedy = "needs the package psycopg: pip install 'patchsweep[postgresql]'"
    assert done.stdout.strip() == repr([remedy])
    assert done.stderr.strip().endswith(f"ConfigError: the sink postgresql://ann:***@db/x {remedy}")
