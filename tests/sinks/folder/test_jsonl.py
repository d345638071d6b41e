"""JSON Lines: what a line looks like, on stdout and in a folder."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread

import pytest

from scanner.core.errors import ConfigError, SinkError
from scanner.core.tables import TABLES
from scanner.sinks.context import SinkContext
from scanner.sinks.folder.jsonl import jsonl_sink
from scanner.sinks.testing.samples import awkward_scan, empty_scan, large_scan

SCAN = awkward_scan("s1")


def context(stdout=None):
    return SinkContext("s1", open_files=lambda url: pytest.fail(f"{url} was opened"), stdout=stdout or io.BytesIO())


async def streamed(scan):
    stdout = io.BytesIO()
    sink = jsonl_sink("-", context(stdout))
    for batch in scan.batches:
        await sink.write(batch)
    await sink.commit(scan.summary)
    await sink.aclose()
    return stdout.getvalue().decode().splitlines()


async def test_each_line_on_stdout_begins_with_its_table():
    lines = await streamed(SCAN)
    assert {line.split(",")[0] for line in lines} == {f'{{"table":"{name}"' for name in TABLES}


async def test_a_node_is_told_before_its_patches():
    told = set()
    for row in map(json.loads, await streamed(SCAN)):
        key = (row.get("account_id"), row.get("region"), row.get("instance_id"))
        if row["table"] == "nodes":
            told.add(key)
        if row["table"] == "patches":
            assert key in told


async def test_targets_and_scans_come_last():
    tables = [json.loads(line)["table"] for line in await streamed(SCAN)]
    assert tables[-7:] == ["targets", "targets", *["baselines"] * 4, "scans"]
    assert not {"targets", "baselines", "scans"} & set(tables[:-7])


async def test_nulls_are_null_lists_are_arrays_and_times_are_rfc_3339_with_milliseconds():
    patches = [row for row in map(json.loads, await streamed(SCAN)) if row["table"] == "patches"]
    assert patches[0]["installed_time"] == "2026-11-23T12:00:00.000Z"
    assert patches[3]["installed_time"] == "2026-11-23T12:00:00.001Z"
    assert patches[0]["cve_ids"] == ["CVE-2024-1", "CVE-2024-2"]
    assert (patches[2]["title"], patches[2]["installed_time"], patches[2]["cve_ids"]) == (None, None, [])
    assert patches[3]["title"] == 'Überprüfung, "更新" 🛡 <b>&'


async def test_the_first_nodes_are_on_stdout_while_the_scan_still_runs():
    stdout = io.BytesIO()
    sink = jsonl_sink("-", context(stdout))
    await sink.write(SCAN.batches[0])
    assert sink.live
    assert stdout.getvalue().count(b"\n") == rows_in(SCAN.batches[0])


async def test_a_reader_that_leaves_early_ends_the_sink_with_a_quiet_sentence():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as pipe, pytest.raises(SinkError, match="standard output went away"):
        await jsonl_sink("-", context(pipe)).write(SCAN.batches[0])


class OwnError(OSError):
    """What a stream of the command line raises: with the number of a broken pipe, but no BrokenPipeError."""


class Left(io.RawIOBase):
    """A raw stream whose reader has gone."""

    def writable(self):
        return True

    def write(self, data):
        raise OwnError(errno.EPIPE, "Broken pipe")


async def test_a_reader_that_leaves_is_known_by_the_number_of_the_error():
    with pytest.raises(SinkError, match="standard output went away"):
        await jsonl_sink("-", context(Left())).write(SCAN.batches[0])


class Trickle(io.RawIOBase):
    """A raw stream that takes seven bytes at a time."""

    def __init__(self):
        self.taken = b""

    def writable(self):
        return True

    def write(self, data):
        self.taken += bytes(data[:7])
        return min(7, len(data))


def rows_in(batch):
    return sum(len(table) for table in batch.tables().values())


async def test_a_stream_that_takes_little_at_a_time_gets_all():
    stdout = Trickle()
    await jsonl_sink("-", context(stdout)).write(SCAN.batches[0])
    assert stdout.taken.endswith(b"}\n")
    assert len([json.loads(line) for line in stdout.taken.splitlines()]) == rows_in(SCAN.batches[0])


async def test_rows_do_not_wait_in_a_buffer_for_the_next_batch():
    raw = Trickle()
    await jsonl_sink("-", context(io.BufferedWriter(raw, 1 << 20))).write(SCAN.batches[0])
    assert raw.taken.endswith(b"}\n")


async def test_a_pipe_that_does_not_block_gets_all():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    read = []
    with os.fdopen(reader, "rb") as pipe:
        drain = Thread(target=lambda: read.append(pipe.read()))
        drain.start()
        with os.fdopen(writer, "wb") as stdout:
            batch = large_scan("s1").batches[0]
            await jsonl_sink("-", context(stdout)).write(batch)
        drain.join()
    assert read[0].count(b"\n") == rows_in(batch) > 10_000


READER_THAT_STOPPED = """
import sys, anyio
from scanner.sinks.context import SinkContext
from scanner.sinks.fan_out import GuardedSinks
from scanner.sinks.folder.jsonl import jsonl_sink
from scanner.sinks.testing.samples import large_scan

async def main():
    sinks = GuardedSinks({"out": jsonl_sink("-", SinkContext("s1", None, sys.stdout.buffer))}, call_deadline_s=0.2)
    await sinks.write(large_scan("s1").batches[0])
    await sinks.aclose()
    print(sinks.failures["out"], file=sys.stderr)

anyio.run(main)
"""


@pytest.mark.slow
def test_a_reader_that_stops_reading_does_not_keep_the_process_from_ending():
    with Popen([sys.executable, "-c", READER_THAT_STOPPED], stdout=PIPE, stderr=PIPE) as process:
        try:
            assert process.wait(timeout=300) == 0
        finally:
            process.kill()
        assert process.stderr.read() == b"it did not take a batch of nodes within 0.2 s and was dropped\n"


async def written(folder, scan):
    sink = jsonl_sink(str(folder), context())
    for batch in scan.batches:
        await sink.write(batch)
    await sink.commit(scan.summary)
    await sink.aclose()


async def test_a_folder_has_a_file_a_table_even_for_an_empty_scan(tmp_path):
    await written(tmp_path / "out", empty_scan("s1"))
    sizes = {path.name: len(path.read_bytes().splitlines()) for path in (tmp_path / "out").iterdir()}
    assert sizes == {
        **{f"{name}.jsonl": 0 for name in TABLES},
        **{f"{name}.jsonl": 1 for name in ("targets", "scans")},
        "baselines.jsonl": 2,
    }


async def test_lines_in_a_folder_do_not_repeat_the_table(tmp_path):
    await written(tmp_path, SCAN)
    assert (tmp_path / "patches.jsonl").read_text().startswith('{"scan_id":"s1","account_id":"111122223333"')


async def test_only_the_owner_can_read_what_was_written(tmp_path):
    await written(tmp_path / "out", SCAN)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o600}


async def test_what_a_killed_run_left_is_cleared_and_what_a_running_one_holds_is_not(tmp_path):
    abandoned = tmp_path / ".patchsweep-killed"
    abandoned.mkdir()
    (abandoned / "lock").touch()
    running = jsonl_sink(str(tmp_path), context())
    await running.write(SCAN.batches[0])
    await written(tmp_path, SCAN)
    assert not abandoned.exists()
    await running.commit(SCAN.summary)
    await running.aclose()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.jsonl" for name in TABLES)


async def test_a_place_that_cannot_work_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"needs a folder and .* is a file"):
        jsonl_sink(str(tmp_path / "file" / "out"), context())
    with pytest.raises(ConfigError, match=r"needs a folder and .* is a file"):
        jsonl_sink(str(tmp_path / "file"), context())


@pytest.fixture
def folder_of_another():
    """A folder that the test may look into and not write to, also where the tests run as root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    before = os.getresuid()
    if before[1] == 0:
        os.setresuid(65534, 65534, 0)
    yield folder
    os.setresuid(*before)
    folder.rmdir()


def test_a_folder_that_must_not_be_written_is_refused_before_the_scan(folder_of_another):
    with pytest.raises(ConfigError, match="cannot write in"):
        jsonl_sink(str(folder_of_another / "out"), context())


async def test_a_replacement_that_breaks_off_leaves_no_scans_file_to_vouch_for_the_folder(tmp_path):
    await written(tmp_path, SCAN)
    sink = jsonl_sink(str(tmp_path), context())
    await sink.write(SCAN.batches[0])
    (tmp_path / "nodes.jsonl").unlink()
    (tmp_path / "nodes.jsonl").mkdir()
    with pytest.raises(SinkError, match=r"cannot replace the files of .*: it is no plain file; correct that"):
        await sink.commit(SCAN.summary)
    await sink.aclose()
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.jsonl" for name in TABLES} - {"scans.jsonl"}


async def test_a_sink_that_is_only_made_leaves_no_trace(tmp_path):
    sink = jsonl_sink(str(tmp_path / "out"), context())
    await sink.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_error_is_one_sentence_that_names_the_folder(tmp_path):
    sink = jsonl_sink(str(tmp_path / "out"), context())
    (tmp_path / "out").touch()
    with pytest.raises(SinkError, match=r"cannot write in .*out: .* publish"):
        await sink.write(SCAN.batches[0])
    await sink.aclose()


async def test_a_link_to_a_file_elsewhere_stays_a_link_and_its_file_is_replaced(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "all.jsonl").write_text("old")
    (folder / "patches.jsonl").symlink_to(elsewhere / "all.jsonl")
    (folder / "nodes.jsonl").symlink_to(elsewhere / "new.jsonl")
    await written(folder, SCAN)
    assert (folder / "patches.jsonl").is_symlink()
    assert len((elsewhere / "all.jsonl").read_bytes().splitlines()) == SCAN.tables["patches"].num_rows
    assert len((elsewhere / "new.jsonl").read_bytes().splitlines()) == SCAN.tables["nodes"].num_rows
    assert not list(tmp_path.rglob(".patchsweep-*"))


@pytest.fixture
def other_file_system():
    if not Path("/dev/shm").is_dir():
        pytest.skip("needs a second file system")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


async def test_a_link_to_another_file_system_is_followed_too(tmp_path, other_file_system):
    (tmp_path / "patches.jsonl").symlink_to(other_file_system / "all.jsonl")
    await written(tmp_path, SCAN)
    [file] = other_file_system.iterdir()
    assert len(file.read_bytes().splitlines()) == SCAN.tables["patches"].num_rows
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_pipe_in_the_place_of_a_file_is_refused_before_the_scan(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "scans.jsonl").symlink_to("pipe")
    with pytest.raises(ConfigError, match=r"needs a plain file and .*/pipe is none"):
        jsonl_sink(str(tmp_path), context())


async def test_a_folder_is_tried_without_a_trace_and_named_where_it_cannot_be_written(tmp_path):
    sink = jsonl_sink(str(tmp_path / "new" / "folder" / "out"), context())
    await sink.probe()
    await sink.aclose()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new").touch()
    with pytest.raises(SinkError, match=r"cannot write in .*/out: Not a directory"):
        await sink.probe()


async def test_a_stream_is_tried_by_whether_it_is_open(tmp_path):
    with (tmp_path / "rows").open("wb") as stream:
        await jsonl_sink("-", SinkContext("s1", pytest.fail, stream)).probe()
    await jsonl_sink("-", SinkContext("s1", pytest.fail, io.BytesIO())).probe()
    for closed in (stream, None):
        with pytest.raises(SinkError, match="standard output is closed"):
            await jsonl_sink("-", SinkContext("s1", pytest.fail, closed)).probe()
