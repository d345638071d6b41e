"""A folder in which others left links, pipes and devices, on disks that lack something."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

import pytest

from scanner.core.errors import ConfigError, StoreBusy, StoreError
from scanner.files import local_writes
from scanner.files.local import LocalFiles, LocksUnsupported


@pytest.fixture
def files(tmp_path):
    return LocalFiles(tmp_path)


def make_link(path):
    (path.parent / "elsewhere").write_bytes(b"precious")
    path.symlink_to("elsewhere")


OBSTACLES = {"link": make_link, "pipe": os.mkfifo, "folder": os.mkdir}


@pytest.mark.parametrize("make", OBSTACLES.values(), ids=OBSTACLES.keys())
async def test_a_rename_never_replaces_what_is_no_plain_file(make, files, tmp_path):
    make(tmp_path / "latest.json")
    before = (tmp_path / "latest.json").lstat()

    with pytest.raises(StoreError, match=r"latest.json: .*(no plain file|stands)"):
        await files.put("latest.json", b"{}")

    assert (tmp_path / "latest.json").lstat().st_ino == before.st_ino
    assert not (tmp_path / "elsewhere").exists() or (tmp_path / "elsewhere").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


async def test_a_pipe_is_not_waited_for(files, tmp_path):
    os.mkfifo(tmp_path / "scan.json")

    with pytest.raises(StoreError, match="no plain file"):
        await files.get("scan.json")


async def test_a_lock_does_not_follow_a_link(files, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / ".lock").symlink_to(tmp_path / "victim")

    with pytest.raises(StoreError, match="a symbolic link stands where a file should be"):
        async with files.lock("one"):
            pass
    assert not (tmp_path / "victim").exists()


async def test_files_are_their_owners_alone_from_the_moment_they_exist(files, tmp_path, monkeypatch):
    modes = []
    write = os.write

    def watched(handle, data):
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return write(handle, data)

    monkeypatch.setattr(os, "write", watched)
    umask = os.umask(0)
    try:
        await files.put("scans/a", b"x")
        await files.put_if("scans/b", b"x", None)
    finally:
        os.umask(umask)

    assert modes == [0o600, 0o600]
    assert stat.S_IMODE((tmp_path / "scans").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "scans").iterdir()} == {0o600}


@pytest.mark.parametrize("location", ["data\r", "da\nta", "\x1b[31m", "a\x7f"])
def test_a_location_with_control_characters_is_refused(location):
    with pytest.raises(ConfigError, match="control characters") as caught:
        LocalFiles(location)
    assert str(caught.value).isprintable()


def test_a_working_folder_that_was_removed_is_a_sentence(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(ConfigError, match="the working folder was removed"):
        LocalFiles("data")


def test_a_home_folder_that_nobody_has_is_a_sentence():
    with pytest.raises(ConfigError, match="no home folder is known"):
        LocalFiles("~no-such-user-here/data")


async def test_a_file_is_created_once_and_replaced_only_at_its_version(files):
    first = await files.put_if("lease.json", b"1", None)
    assert first is not None
    assert await files.put_if("lease.json", b"2", None) is None
    second = await files.put_if("lease.json", b"2", first)
    assert second not in (None, first)
    assert await files.put_if("lease.json", b"3", first) is None
    read = await files.read("lease.json")
    assert (read.data, read.version) == (b"2", second)
    assert 0 <= read.age_s < 60
    assert await files.put_if("missing.json", b"1", first) is None


async def test_a_file_is_created_once_where_there_are_no_hard_links(files, monkeypatch, tmp_path):
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert await files.put_if("lease.json", b"1", None) is not None
    assert await files.put_if("lease.json", b"2", None) is None
    assert [path.name for path in tmp_path.iterdir()] == ["lease.json"]


async def test_any_other_refusal_of_a_link_is_an_error(files, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(StoreError, match="the disk is full: free some space"):
        await files.put_if("lease.json", b"1", None)


async def test_a_claim_of_a_process_that_died_is_removed_and_a_fresh_one_is_respected(files, tmp_path, monkeypatch):
    version = await files.put_if("lease.json", b"1", None)
    claim = tmp_path / ".lease.json.claim"
    claim.write_bytes(b"")
    os.utime(claim, (1, 1))
    version = await files.put_if("lease.json", b"2", version)
    assert version is not None
    assert not claim.exists()

    claim.write_bytes(b"")
    monkeypatch.setattr(local_writes, "_CLAIM_TRIES", 2)
    with pytest.raises(StoreError, match="is being written by another process: try again"):
        await files.put_if("lease.json", b"3", version)


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS])
async def test_a_file_system_without_locks_says_so(number, files, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(number, "no")))

    with pytest.raises(LocksUnsupported, match="its file system has no locks"):
        async with files.lock("scans/one"):
            pass


async def test_other_errors_of_a_lock_are_told_apart(files, monkeypatch):
    def fails_with(number):
        monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(number, "no")))

    fails_with(errno.EACCES)
    with pytest.raises(StoreBusy, match="another process is writing"):
        async with files.lock("scans/one"):
            pass
    fails_with(errno.EIO)
    with pytest.raises(StoreError, match="the disk reports an error"):
        async with files.lock("scans/one"):
            pass


@pytest.mark.parametrize(("number", "is_error"), [(errno.EINVAL, False), (errno.EIO, True)])
async def test_a_folder_that_cannot_be_synced_by_its_file_system_is_no_error(number, is_error, files, monkeypatch):
    sync = os.fsync

    def refused(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, "no")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refused)
    if is_error:
        with pytest.raises(StoreError, match="the disk reports an error"):
            await files.put("a", b"x")
    else:
        await files.put("a", b"x")
        assert await files.get("a") == b"x"
