"""A folder as a store: privacy, crashes, full and read-only disks, and the lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from anyio import from_thread

from scanner.core.errors import StoreBusy, StoreError
from scanner.files import local_writes
from scanner.files.local import LocalFiles

_KEEPS_WRITING = """
import sys, anyio
from scanner.files.local import LocalFiles

async def main():
    files = LocalFiles(sys.argv[1])
    for number in range(100_000):
        await files.put(f"whole/{number % 20:02d}", bytes([number % 256]) * 3_000_000)
        print(number, flush=True)

anyio.run(main)
"""

_WRITES_TOO_MUCH = """
import resource, sys, anyio
from scanner.core.errors import StoreBusy, StoreError
from scanner.files import local_writes
from scanner.files.local import LocalFiles

async def main():
    files = LocalFiles(sys.argv[1])
    await files.put("a/large", b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    try:
        await files.put("a/large", b"x" * 100_000)
    except StoreError as error:
        print(error)

anyio.run(main)
"""


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a/../../up", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a\0b"]
)
async def test_a_folder_is_never_left_by_a_name(tmp_path, name):
    files = LocalFiles(tmp_path / "store")
    with pytest.raises(StoreError, match="cannot be the name"):
        await files.put(name, b"x")
    with pytest.raises(StoreError, match="cannot be the name"):
        await files.get(name)
    with pytest.raises(StoreError, match="cannot be the name"):
        await files.delete([name])
    assert list(tmp_path.iterdir()) == []


async def test_only_the_owner_can_read_what_is_stored(tmp_path):
    files = LocalFiles(tmp_path / "deep" / "store")
    await files.put("scans/one/scan.json", b"x")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    assert modes == {"store": 0o700, "scans": 0o700, "one": 0o700, "scan.json": 0o600}


async def test_half_written_files_are_never_seen(tmp_path):
    files = LocalFiles(tmp_path)
    await files.put("segments/one", b"whole")
    (tmp_path / "segments" / ".two.0123456789abcdef").write_bytes(b"half")
    assert await files.names() == ["segments/one"]


def _kill_a_writer(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _KEEPS_WRITING, str(folder)], stdout=subprocess.PIPE) as writer:
        for _ in range(5):
            writer.stdout.readline()
        writer.kill()


@pytest.mark.slow
async def test_a_killed_writer_leaves_whole_files_only(tmp_path):
    _kill_a_writer(tmp_path)
    files = LocalFiles(tmp_path)
    names = await files.names("whole/")
    assert len(names) >= 5
    for name in names:
        data = await files.get(name)
        assert len(data) == 3_000_000
        assert len(set(data)) == 1


def test_a_disk_that_takes_no_more_ends_in_a_sentence_and_what_stood_there_stays(tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", _WRITES_TOO_MUCH, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(f"cannot write {tmp_path}/a/large: ")
    assert said.stdout.count("\n") == 1
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "a").iterdir()] == [("large", b"old")]


async def test_a_path_through_a_file_ends_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    files = LocalFiles(tmp_path / "file" / "store")
    for attempt in (files.put("name", b"x"), files.get("name"), files.names(), files.delete(["name"])):
        with pytest.raises(StoreError, match=rf"{tmp_path}/file.* is a file, not a folder: .*store\.location"):
            await attempt


@pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="/sys is where even root cannot write, on Linux")
async def test_a_folder_that_takes_no_files_ends_in_a_sentence():
    with pytest.raises(StoreError, match=r"cannot write /sys/kernel/patchsweep/name: .+"):
        await LocalFiles("/sys/kernel/patchsweep").put("name", b"x")


async def test_a_folder_in_the_place_of_a_file_ends_in_a_sentence(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(StoreError, match=r"cannot read .*manifest.json: a folder stands where a file should be"):
        await LocalFiles(tmp_path).get("manifest.json")


async def test_an_emptied_folder_goes_with_its_leftovers(tmp_path):
    files = LocalFiles(tmp_path)
    await files.put("scans/one/segments/a", b"x")
    await files.put("scans/one/scan.json", b"x")
    (tmp_path / "scans/one/segments/.b.0123").write_bytes(b"half")
    async with files.lock("scans/one"):
        pass
    await files.delete(await files.names("scans/one/"))
    assert list((tmp_path / "scans").iterdir()) == []


async def test_a_lock_keeps_others_out_until_it_is_released(tmp_path):
    files, others = LocalFiles(tmp_path), LocalFiles(tmp_path)
    async with files.lock("scans/one"):
        with pytest.raises(StoreError, match=r"another process is writing .*scans/one: wait"):
            async with others.lock("scans/one"):
                pass
        async with others.lock("scans/two"):
            pass
    async with others.lock("scans/one"):
        pass


async def test_the_location_is_shown_as_the_user_wrote_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = LocalFiles("./data")
    await files.put("name", b"x")
    assert files.url == "./data"
    assert (tmp_path / "data" / "name").read_bytes() == b"x"


@pytest.mark.parametrize("use", ["put", "lock"])
async def test_a_folder_that_another_run_removes_while_it_is_still_empty_is_made_again(use, tmp_path, monkeypatch):
    """Its write test was the only file in there, and a run that ends leaves no empty folder behind."""
    files, removals = LocalFiles(tmp_path / "store"), iter(range(3))
    made = local_writes._make_folder

    def make_and_lose(folder):
        made(folder)
        if folder.is_relative_to(tmp_path / "store") and next(removals, None) is not None:
            folder.rmdir()

    monkeypatch.setattr(local_writes, "_make_folder", make_and_lose)
    if use == "put":
        await files.put("scans/a/scan.json", b"here")
        assert await files.get("scans/a/scan.json") == b"here"
    else:
        async with files.lock("scans/a"):
            with pytest.raises(StoreBusy):
                async with files.lock("scans/a"):
                    pass


@pytest.mark.parametrize("write", ["put", "put_if"])
async def test_a_file_is_written_though_the_last_other_one_of_its_folder_is_deleted_meanwhile(
    write, tmp_path, monkeypatch
):
    """The other process then removes the folder with all that is hidden in it, the half-written file among it."""
    files, others = LocalFiles(tmp_path), ["open/other"]
    await files.put(others[0], b"1")
    fsync = os.fsync

    def deletes(handle):
        fsync(handle)
        if others and stat.S_ISREG(os.fstat(handle).st_mode):
            from_thread.run(files.delete, [others.pop()])

    monkeypatch.setattr(os, "fsync", deletes)
    if write == "put":
        await files.put("open/own", b"2")
    else:
        assert await files.put_if("open/own", b"2", None) is not None
    assert not others
    assert await files.names() == ["open/own"]
    assert await files.get("open/own") == b"2"
    assert [path.name for path in (tmp_path / "open").iterdir()] == ["own"]
