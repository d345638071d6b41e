"""`--summary`, `report --output` and `--profile`: the file that a user names is written whole or not at all."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from threading import Thread

import pytest

from scanner.cli.atomic_file import check_file, write_file
from scanner.core.errors import ConfigError, PatchsweepError
from tests.cli.running import run

IS_ROOT = os.geteuid() == 0


def write(path, data=b"new"):
    write_file(str(path), data, "summary")


def test_a_file_is_replaced_whole_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old and long")

    write(path)

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_for_its_owner_only_and_a_replaced_one_keeps_its_mode(tmp_path):
    old = tmp_path / "old.json"
    old.touch()
    old.chmod(0o664)

    write(old)
    write(tmp_path / "new.json")

    assert stat.S_IMODE(old.stat().st_mode) == 0o664
    assert stat.S_IMODE((tmp_path / "new.json").stat().st_mode) == 0o600


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
def test_root_leaves_a_file_to_its_owner(tmp_path):
    path = tmp_path / "a.json"
    path.touch()
    os.chown(path, 1234, 1234)

    write(path)

    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "data").mkdir()
    target = tmp_path / "data" / "real.json"
    target.write_text("old")
    link, dangling = tmp_path / "link.json", tmp_path / "dangling.json"
    link.symlink_to("data/real.json")
    dangling.symlink_to("data/not-yet.json")

    write(link)
    write(dangling)

    assert link.is_symlink()
    assert dangling.is_symlink()
    assert (target.read_bytes(), (tmp_path / "data" / "not-yet.json").read_bytes()) == (b"new", b"new")


def test_a_pipe_is_written_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    while not _written(pipe, b"x" * 100_000):
        pass
    reader.join()

    assert read == [b"x" * 100_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def _written(pipe, data):
    try:
        write(pipe, data)
    except PatchsweepError:
        return False
    return True


def test_a_pipe_that_no_process_reads_is_an_error_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(PatchsweepError, match="no process reads this pipe"):
        write(tmp_path / "pipe")


def test_a_device_is_written_and_never_replaced(tmp_path):
    write("/dev/null")
    with pytest.raises(PatchsweepError, match="No space left"):
        write("/dev/full")

    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116 - a device
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)  # noqa: PTH116 - a device


def test_a_link_to_a_device_stays_a_link_to_the_device(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/dev/null")

    write(link)

    assert link.is_symlink()
    assert stat.S_ISCHR(link.stat().st_mode)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_the_stdout_of_the_process_is_written_where_the_shell_sent_it(tmp_path, name):
    code = f"from scanner.cli.atomic_file import write_file; write_file({name!r}, b'summary', 'summary')"
    with (tmp_path / "out").open("ab") as file:
        file.write(b"before ")
        file.flush()
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    piped = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)

    assert (tmp_path / "out").read_bytes() == b"before summary"
    assert piped.stdout == b"summary"


@pytest.mark.slow
def test_a_file_that_is_a_mount_of_its_own_is_written_in_place(tmp_path):
    source, path = tmp_path / "host.json", tmp_path / "a.json"
    source.write_text("old and long")
    path.touch()
    code = "import sys; from scanner.cli.atomic_file import write_file; write_file(sys.argv[1], b'new', 'summary')"
    in_a_container = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*in_a_container, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount")

    mount_and_write = f'mount --bind {source} {path} && {sys.executable} -c "$0" {path}'
    subprocess.run([*in_a_container, mount_and_write, code], check=True)

    assert source.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == [path, source]


def test_a_socket_is_refused_and_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(ConfigError, match="is a socket"):
            write("socket")

    assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)


@pytest.mark.parametrize("place", ["nowhere/a.json", ".", "loop", "a\nb", "file/a.json"])
def test_a_place_that_cannot_work_is_refused_before_the_work(tmp_path, place, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="summary file") as error:
        check_file(place, "summary")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_folder_or_file_that_is_read_only_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").touch(0o400)
    (tmp_path / "folder").mkdir(0o500)

    for path in (tmp_path / "file", tmp_path / "folder" / "new"):
        with pytest.raises(ConfigError, match="not writable"):
            check_file(str(path), "summary")


def test_a_place_that_works_is_taken_with_a_name_of_any_length(tmp_path):
    path = tmp_path / ("n" * 255)
    check_file(str(path), "summary")
    write(path)

    assert path.read_bytes() == b"new"


def test_each_option_refuses_a_folder_with_exit_code_2(store, tmp_path):
    for argv in (
        ["scan", "--summary", str(tmp_path)],
        ["scan", "--profile", str(tmp_path)],
        ["report", "--store", store, "--output", str(tmp_path)],
    ):
        ended = run(*argv)
        assert (ended.code, len(ended.stderr.splitlines())) == (2, 1)
        assert "is a folder" in ended.stderr
