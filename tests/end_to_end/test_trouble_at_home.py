"""What goes wrong on this machine: places, disks and plugins; the scan says so and keeps what it can."""

from __future__ import annotations

import shlex
from contextlib import closing

import duckdb
import pytest

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from tests.end_to_end.commands import ORGANIZATION
from tests.end_to_end.plugins import install_broken_sinks
from tests.end_to_end.tables import STREAMED, assert_right, from_duckdb, from_jsonl, from_stream


@pytest.fixture(scope="module")
def simulator():
    with serve_in_thread(make_world(accounts=2, regions=1, nodes=40, rows=100)) as serving:
        yield serving


@pytest.fixture
def user(terminal, simulator):
    return terminal.given(simulator.environment())


def run_with_full_disk(user, at_most_kib, *arguments):
    """A disk that takes so many KiB a file, which is as near as an ordinary user comes to a full one."""
    # Python does not notice that a module it compiled was cut short on its way to the disk.
    careful = user.given({"PYTHONDONTWRITEBYTECODE": "1"})
    blocks = at_most_kib * 2
    return careful.shell(f"ulimit -f {blocks}; exec patchsweep {shlex.join(arguments)}")


def told(ended):
    """The summary in one line, whatever its width."""
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.split())


def test_a_store_that_cannot_be_a_folder_stops_the_scan_before_it_starts(user, simulator):
    (user.folder / "file").touch()
    before = simulator.stats.requests()
    ended = user.run("scan", *ORGANIZATION, "--store", "file/store")
    (sentence,) = ended.sentences
    assert (ended.code, ended.stderr) == (1, f"patchsweep: {sentence}\n")
    assert "a part of the path is a file" in sentence
    assert simulator.stats.requests() == before


def test_a_full_disk_under_the_store_stops_the_scan_and_it_resumes_when_there_is_room(user, simulator):
    ended = run_with_full_disk(user, 8, "scan", *ORGANIZATION)
    (sentence,) = ended.sentences
    assert ended.code == 1
    assert "patchsweep-data" in sentence
    assert "Traceback" not in ended.stderr
    again = ("--resume",) if list(user.folder.glob("patchsweep-data/scans/*/scan.json")) else ()
    ended = user.run("scan", *ORGANIZATION, *again, *STREAMED)
    assert ended.code == 0
    assert_right(from_stream(ended.stdout.splitlines()), simulator.truth())


def test_a_full_disk_under_a_sink_costs_the_sink_and_publish_repairs_it(user, simulator):
    ended = run_with_full_disk(user, 200, "scan", *ORGANIZATION, "--sink", "jsonl:out")
    assert (ended.code, ended.sentences) == (3, [])
    assert "sink failed jsonl:out: " in told(ended)
    assert not list((user.folder / "out").glob("*.jsonl"))
    assert user.run("publish", "--sink", "jsonl:out").code == 0
    assert_right(from_jsonl(user.folder / "out"), simulator.truth())


def test_a_database_that_another_process_holds_stops_the_scan_before_its_first_node(user, simulator):
    file = user.folder / "patches.duckdb"
    before = simulator.stats.requests("DescribeInstancePatches")
    with closing(duckdb.connect(file)) as database:
        database.sql("CREATE TABLE notes (text VARCHAR)")
        ended = user.run("scan", *ORGANIZATION, "--sink", "duckdb:patches.duckdb")
    (sentence,) = ended.sentences
    assert ended.code == 1
    assert "duckdb:patches.duckdb" in sentence
    assert "Traceback" not in ended.stderr
    assert simulator.stats.requests("DescribeInstancePatches") == before
    assert user.run("scan", *ORGANIZATION, "--sink", "duckdb:patches.duckdb").code == 0
    assert_right(from_duckdb(file), simulator.truth())


def test_a_plugin_that_cannot_be_imported_is_named_before_a_call_is_made(user, simulator):
    plugins = install_broken_sinks(user.folder / "plugins")
    before = simulator.stats.requests()
    ended = user.given({"PYTHONPATH": str(plugins)}).run("scan", *ORGANIZATION, "--sink", "closed:x")
    (sentence,) = ended.sentences
    assert (ended.code, ended.stderr) == (2, f"patchsweep: {sentence}\n")
    assert "the sink 'closed' of broken-sinks 1.2 cannot be loaded" in sentence
    assert "the licence server is closed" in sentence
    assert simulator.stats.requests() == before


def test_a_plugin_that_breaks_in_mid_scan_costs_itself_and_nothing_else(user, simulator):
    plugins = install_broken_sinks(user.folder / "plugins")
    ended = user.given({"PYTHONPATH": str(plugins)}).run(
        "scan", *ORGANIZATION, "--sink", "torn:x", "--sink", "jsonl:out"
    )
    assert (ended.code, ended.sentences) == (3, [])
    assert "sink failed torn:x: the sink torn:x of broken-sinks 1.2 failed: KeyError" in told(ended)
    assert_right(from_jsonl(user.folder / "out"), simulator.truth())


def test_a_segment_cut_in_half_is_found_and_named_and_never_read_as_if_it_were_whole(user):
    assert user.run("scan", *ORGANIZATION).code == 0
    (segment, *_) = (user.folder / "patchsweep-data").rglob("segments/*.parquet")
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    verified = user.run("scans", "verify")
    assert verified.code == 1
    assert segment.name in verified.stdout
    for command in (["query", "SELECT count(*) FROM nodes"], ["publish", "--sink", "jsonl:out"]):
        ended = user.run(*command)
        assert ended.code not in (0, 130)
        assert segment.name in told(ended)
        assert ended.stdout == ""
    assert not list(user.folder.glob("out/*.jsonl"))
