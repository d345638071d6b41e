"""The DuckDB file: its types, its privacy, and the ways it can be out of reach."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from threading import RLock

import anyio
import duckdb
import pyarrow as pa
import pytest
from msgspec import structs

from scanner.core.columns import DICTIONARY
from scanner.core.errors import ConfigError, SinkError
from scanner.core.tables import PATCHES
from scanner.sinks.context import SinkContext
from scanner.sinks.duckdb.sink import duckdb_sink
from scanner.sinks.staging_folder import StagingFolder, put_if_absent
from scanner.sinks.testing.samples import awkward_scan, empty_scan, large_scan
from tests.sinks.publishing import as_stored, publish

pytestmark = pytest.mark.slow

SCAN = awkward_scan("s1")


def make(file, scan_id="s1"):
    return duckdb_sink(str(file), SinkContext(scan_id, pytest.fail, io.BytesIO()))


@contextmanager
def held_by_another_process(file):
    hold = f"import duckdb; c = duckdb.connect({str(file)!r}); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        yield
        other.communicate(b"\n")


async def test_the_tables_have_the_types_of_the_contract(tmp_path):
    await publish(make(tmp_path / "p.duckdb"), empty_scan("s1"))
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        types = dict(database.sql("SELECT column_name, column_type FROM (DESCRIBE patches)").fetchall())
        assert types["installed_time"] == "TIMESTAMP WITH TIME ZONE"
        assert types["cve_ids"] == "VARCHAR[]"
        assert dict(database.sql("SELECT column_name, column_type FROM (DESCRIBE nodes)").fetchall())[
            "missing_count"
        ] == "BIGINT"  # fmt: skip


async def test_only_the_owner_can_read_the_file_and_nothing_lies_beside_it(tmp_path):
    for scan_id in ("s1", "s2"):
        await publish(make(tmp_path / "p.duckdb", scan_id), awkward_scan(scan_id))
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {"p.duckdb": 0o600}


async def test_tables_of_others_in_the_same_file_stay(tmp_path):
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        database.execute("CREATE TABLE tickets AS SELECT 7 AS number")
    await publish(make(tmp_path / "p.duckdb"), awkward_scan("s1"))
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        assert database.table("tickets").fetchall() == [(7,)]


async def test_a_database_that_another_process_holds_is_a_sentence_and_stays_as_it_was(tmp_path):
    file = tmp_path / "p.duckdb"
    await publish(make(file), awkward_scan("s1"))
    with held_by_another_process(file), pytest.raises(SinkError, match=r"cannot add the scan to .*: .*lock.*publish"):
        await publish(make(file, "s2"), awkward_scan("s2"))
    with duckdb.connect(file) as database:
        assert database.sql("SELECT scan_id FROM scans").fetchall() == [("s1",)]


async def test_a_table_of_someone_else_is_a_sentence_and_nothing_is_added(tmp_path):
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        database.execute("CREATE TABLE scans AS SELECT 'x' AS scan_id, 7 AS number")
    with pytest.raises(SinkError, match=r"cannot add the scan to .*: its table scans is not one of patchsweep"):
        await publish(make(tmp_path / "p.duckdb"), awkward_scan("s1"))
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        assert database.sql("SHOW TABLES").fetchall() == [("scans",)]
        assert database.table("scans").columns == ["scan_id", "number"]


async def test_a_folder_that_a_file_took_the_place_of_is_a_sentence(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    sink = make(folder / "p.duckdb")
    folder.rmdir()
    folder.touch()
    with pytest.raises(SinkError, match="cannot add the scan"):
        await publish(sink, awkward_scan("s1"))
    assert list(tmp_path.iterdir()) == [folder]


async def test_a_new_file_that_cannot_be_filled_is_not_left_behind(tmp_path, monkeypatch):
    spools, place = tmp_path / "spools", tmp_path / "place"
    spools.mkdir()
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spools))
    sink = make(place / "p.duckdb")
    await sink.write(large_scan("s1").batches[0])
    next(spools.rglob("patches.arrows")).unlink()
    with pytest.raises(SinkError, match="cannot add the scan"):
        await sink.commit(SCAN.summary)
    await sink.aclose()
    assert list(place.iterdir()) == []


async def test_no_temporary_file_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sink = make(tmp_path / "p.duckdb")
    await sink.write(large_scan("s1").batches[0])
    (spool,) = tmp_path.iterdir()
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    await sink.aclose()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"name,count\n", b"SQLite format 3\0" * 20])
def test_a_file_that_is_no_database_is_refused_before_the_scan(tmp_path, content):
    (tmp_path / "p.duckdb").write_bytes(content)
    with pytest.raises(ConfigError, match="needs a DuckDB database"):
        make(tmp_path / "p.duckdb")
    assert (tmp_path / "p.duckdb").read_bytes() == content


async def test_a_folder_that_is_missing_is_made_with_the_database(tmp_path):
    await publish(make(tmp_path / "new" / "folder" / "p.duckdb"), empty_scan("s1"))
    assert (tmp_path / "new" / "folder" / "p.duckdb").exists()


def test_a_place_that_is_no_file_is_named_before_the_scan(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"the sink duckdb:.* needs a folder and .*/file is a file"):
        make(tmp_path / "file" / "p.duckdb")
    with pytest.raises(ConfigError, match="needs a file"):
        make(tmp_path)


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
async def test_the_database_and_its_log_are_private_from_the_first_moment(tmp_path, monkeypatch):
    """What a killed process leaves is what stands there at some moment before the end."""
    seen = []

    def look(database):
        files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"]
        seen.append({path.name: stat.S_IMODE(path.stat().st_mode) for path in files})

    monkeypatch.setattr("scanner.sinks.duckdb.sink.describe_tables", look)
    for scan_id in ("s1", "s2"):
        await publish(make(tmp_path / "p.duckdb", scan_id), awkward_scan(scan_id))

    assert seen == [{"p.duckdb": 0o600, "p.duckdb.wal": 0o600}] * 2
    assert os.umask(0) == 0


async def test_a_process_killed_while_the_database_is_made_leaves_nothing_in_its_place(tmp_path):
    abandoned = StagingFolder(tmp_path)
    (abandoned.path / "p.duckdb").write_bytes(b"half")
    os.close(abandoned._lock)
    await publish(make(tmp_path / "p.duckdb"), awkward_scan("s1"))
    assert [path.name for path in tmp_path.iterdir()] == ["p.duckdb"]


async def test_two_processes_that_make_one_database_both_leave_their_scan(tmp_path, monkeypatch):
    other = make(tmp_path / "p.duckdb", "s2")
    await other.write(SCAN.batches[0])
    real = put_if_absent

    def be_late(staged, place):
        monkeypatch.setattr("scanner.sinks.duckdb.sink.put_if_absent", real)
        anyio.run(publish, make(place, "s1"), awkward_scan("s1"))
        return real(staged, place)

    monkeypatch.setattr("scanner.sinks.duckdb.sink.put_if_absent", be_late)
    monkeypatch.setattr("scanner.sinks.duckdb.private_files._UMASK_LOCK", RLock())
    await other.commit(awkward_scan("s2").summary)
    await other.aclose()
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        assert database.sql("SELECT scan_id FROM scans ORDER BY 1").fetchall() == [("s1",), ("s2",)]


@pytest.mark.parametrize("place", ["exists", "new", "folder/new"])
async def test_a_database_is_tried_without_a_trace(tmp_path, place):
    await publish(make(tmp_path / "exists"), awkward_scan("s1"))
    sink = make(tmp_path / place)
    await sink.probe()
    await sink.aclose()
    assert [path.name for path in tmp_path.iterdir()] == ["exists"]
    with duckdb.connect(tmp_path / "exists") as database:
        assert database.sql("SELECT scan_id FROM scans").fetchall() == [("s1",)]


async def test_a_database_that_cannot_take_a_scan_says_so_when_it_is_tried(tmp_path):
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        database.execute("CREATE TABLE scans AS SELECT 7 AS number")
    with pytest.raises(SinkError, match="its table scans is not one of patchsweep"):
        await make(tmp_path / "p.duckdb").probe()
    await publish(make(tmp_path / "held.duckdb"), awkward_scan("s1"))
    with held_by_another_process(tmp_path / "held.duckdb"), pytest.raises(SinkError, match="lock"):
        await make(tmp_path / "held.duckdb").probe()


async def test_a_link_to_a_database_stays_a_link(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "p.duckdb").symlink_to("data/real.duckdb")
    for scan_id in ("s1", "s2"):
        await publish(make(tmp_path / "p.duckdb", scan_id), awkward_scan(scan_id))
    assert (tmp_path / "p.duckdb").is_symlink()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["real.duckdb"]


def test_a_pipe_is_refused_before_the_scan_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "p.duckdb")
    with pytest.raises(ConfigError, match="needs a plain file"):
        make(tmp_path / "p.duckdb")


async def test_tables_and_columns_carry_their_descriptions_and_a_comment_of_the_users_own_stays(tmp_path):
    await publish(make(tmp_path / "p.duckdb"), awkward_scan("s1"))
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        database.execute("COMMENT ON COLUMN nodes.status IS 'ours'")
        database.execute("COMMENT ON COLUMN nodes.reason IS NULL")
    await publish(make(tmp_path / "p.duckdb", "s2"), awkward_scan("s2"))
    with duckdb.connect(tmp_path / "p.duckdb") as database:
        comments = {
            (table, column): comment
            for table, column, comment in database.sql(
                "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
            ).fetchall()
        }
        tables = dict(database.sql("SELECT table_name, comment FROM duckdb_tables()").fetchall())
    assert comments.pop(("nodes", "status")) == "ours"
    assert tables == {table.name: table.description for table in DICTIONARY.values()}
    assert comments == {
        (table.name, column.name): column.description
        for table in DICTIONARY.values()
        for column in table.columns
        if (table.name, column.name) != ("nodes", "status")
    }


async def test_every_batch_has_its_own_dictionaries(tmp_path):
    batches = [numbered(batch) for batch in range(300)]
    await publish(make(tmp_path / "p.duckdb"), structs.replace(SCAN, batches=batches))
    with duckdb.connect(tmp_path / "p.duckdb", read_only=True) as database:
        titles = database.execute("SELECT title FROM patches").fetchall()
    assert titles == [(f"{row % 40} of {batch}",) for batch in range(300) for row in range(50)]


def numbered(batch):
    """Fifty rows of which each batch has other titles: as many, and as long."""
    sample = SCAN.batches[0].patches.slice(0, 1).to_pylist()[0]
    rows = [{**sample, "title": f"{row % 40} of {batch}"} for row in range(50)]
    return as_stored(structs.replace(SCAN.batches[0], patches=pa.Table.from_pylist(rows, PATCHES)))
