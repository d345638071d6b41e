"""How the process of a command treats its standard streams and ends, whatever they are connected to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.forks import run_forked

PATCHSWEEP = f"{sys.executable} -m scanner"
CHARACTER_SETS = ["cp1252", "latin-1", "shift_jis", "ascii", "utf-8"]
ENCODINGS = [{"PYTHONIOENCODING": name} for name in CHARACTER_SETS] + [
    {"PYTHONIOENCODING": "ascii:strict"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX"},
]
UNUSUAL = "SELECT 'Größe 漢字 🙂 €' AS title"

pytestmark = pytest.mark.process


def shell(command, **variables):
    """What a shell makes of the command line."""
    environment = {**os.environ, **variables}
    return subprocess.run(["sh", "-c", command], capture_output=True, env=environment, check=False, timeout=300)


def query(store, sql=UNUSUAL, form="table", rest="", **variables):
    return shell(f'{PATCHSWEEP} query --store {store} --format {form} "{sql}" {rest}', **variables)


@pytest.mark.parametrize("variables", ENCODINGS, ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()))
def test_data_on_stdout_is_utf_8_whatever_the_locale(store, variables):
    ended = query(store, form="csv", **variables)

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "Größe 漢字 🙂 €" in ended.stdout.decode()


def test_json_on_stdout_is_utf_8_too(store):
    ended = query(store, form="json", PYTHONIOENCODING="ascii:strict")

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "Größe 漢字 🙂 €" in ended.stdout.decode()


@pytest.mark.parametrize("variables", ENCODINGS, ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()))
def test_a_table_in_any_character_set_is_whole(store, variables):
    ended = query(store, **variables)

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.count(b"\n") == 3


@pytest.mark.parametrize("command", ["--help", "--version", "scan --help", "sinks", "scans"])
def test_a_full_disk_behind_stdout_is_reported_in_a_sentence(store, command):
    ended = shell(f"{PATCHSWEEP} {command} > /dev/full", PATCHSWEEP_STORE=store)

    assert ended.returncode == 1
    assert ended.stderr == b"patchsweep: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("command", ["--help", "--version", "sinks", "scans", "report --output -"])
def test_a_closed_stdout_is_never_a_success(store, command):
    ended = shell(f"{PATCHSWEEP} {command} >&-", PATCHSWEEP_STORE=store)

    assert ended.returncode == 1
    assert ended.stderr == b"patchsweep: standard output cannot be written: Bad file descriptor\n"


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize("target", [">&-", "> /dev/full"])
def test_an_answer_that_cannot_be_written_is_never_a_success(store, form, target):
    ended = query(store, form=form, rest=target)

    assert ended.returncode == 1
    assert ended.stderr.startswith(b"patchsweep: standard output cannot be written: ")
    assert len(ended.stderr.splitlines()) == 1


def test_a_reader_of_stdout_that_has_gone_ends_a_long_answer_quietly(store):
    answer = f'{PATCHSWEEP} query --store {store} --format csv "SELECT * FROM range(1000000)"'
    ended = shell(f"{{ {answer}; echo rc $? >&2; }} | head -1")

    assert ended.stdout == b"range\n"
    assert ended.stderr == b"rc 1\n"


@pytest.mark.parametrize("streams", ["2>&-", "2> /dev/full", "<&- 2>&-"])
def test_a_lost_stderr_changes_neither_the_data_nor_the_exit_code(store, streams):
    answered = query(store, rest=streams)
    assert (answered.returncode, "Größe" in answered.stdout.decode()) == (0, True)
    assert query(store, sql="SELECT nothing", rest=streams).returncode == 2
    assert shell(f"{PATCHSWEEP} nonsense {streams}").returncode == 2


def test_a_scan_whose_stderr_is_lost_is_whole(tmp_path):
    ended = shell(f"{PATCHSWEEP} scan --demo --store {tmp_path}/s --log-format json 2> /dev/full")
    listed = shell(f"{PATCHSWEEP} scans --store {tmp_path}/s")

    assert ended.returncode == 3
    assert b"partial" in listed.stdout


def test_all_streams_closed_at_once_cannot_confuse_files_with_streams(store, tmp_path):
    ended = shell(f"{PATCHSWEEP} report --store {store} --output {tmp_path}/r.html <&- >&- 2>&-")

    assert ended.returncode == 0
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")


def test_json_logs_cover_every_line_on_stderr_and_the_last_one_too(store):
    for command in ("query 'SELECT nothing'", "scan --accounts 12", "nonsense", "cve CVE-2026-12345", "report x"):
        ended = shell(f"{PATCHSWEEP} {command}", PATCHSWEEP_STORE=store, PATCHSWEEP_LOG_FORMAT="json")
        lines = [json.loads(line) for line in ended.stderr.splitlines()]
        assert lines
        assert {"timestamp", "level", "event", "message"} <= set(lines[-1])


def test_sql_from_stdin_that_is_not_utf_8_is_refused_in_a_sentence(store):
    ended = shell(f"printf \"SELECT '\\351'\" | {PATCHSWEEP} query --store {store} -")

    assert ended.returncode == 2
    assert ended.stderr == b"patchsweep: the SQL on standard input is not UTF-8 text\n"


def test_arguments_that_are_not_utf_8_are_refused_in_a_sentence(store):
    for command in ("query \"SELECT '$bad'\"", 'query --store "$bad" "FROM scans"', 'cve "$bad"', 'report "$bad"'):
        ended = shell(f"bad=$(printf '\\351'); {PATCHSWEEP} {command}", PATCHSWEEP_STORE=store)
        assert ended.returncode == 2, ended
        assert b"Traceback" not in ended.stderr


def test_ctrl_c_while_the_command_is_imported_prints_no_traceback():
    pressed = """
import sys
class Pressed:
    def find_spec(self, name, *others):
        if name == "scanner.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Pressed())
from scanner.__main__ import run
run()
"""
    ended = subprocess.run([sys.executable, "-c", pressed], capture_output=True, check=False, timeout=300)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_ctrl_c_prints_one_sentence_however_often_it_is_pressed(store, times):
    sql = "SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b WHERE a.range * b.range % 7 = 1"
    argv = [sys.executable, "-m", "scanner", "query", "--store", store, sql]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        time.sleep(1.5)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        stdout, stderr = process.communicate(timeout=300)

    assert process.returncode == 130
    assert (stdout, stderr.strip()) == ("", "patchsweep: stopped by Ctrl-C")


@pytest.mark.parametrize("command", ["scans", "report", "query 'FROM scans'", "doctor --demo"])
def test_a_removed_working_folder_is_one_sentence(tmp_path, command):
    ended = shell(f"mkdir {tmp_path}/gone && cd {tmp_path}/gone && rmdir {tmp_path}/gone && {PATCHSWEEP} {command}")

    assert ended.returncode == 2
    assert ended.stderr == b"patchsweep: the working folder does not exist any more; change to another one with `cd`\n"


@pytest.mark.parametrize("command", ["scan", "scans --store s3://some-bucket/x", "plan"])
def test_a_key_log_file_that_cannot_be_written_is_one_sentence(tmp_path, command):
    ended = shell(f"{PATCHSWEEP} {command}", SSLKEYLOGFILE=f"{tmp_path}/none/keys", AWS_REGION="eu-west-1")

    assert ended.returncode == 2
    assert ended.stderr.startswith(b"patchsweep: SSLKEYLOGFILE names ")
    assert ended.stderr.count(b"\n") == 1


def test_the_password_of_a_proxy_is_printed_by_no_command(tmp_path):
    for proxy in ("http://ann:hu/sh@127.0.0.1:abc", "http://ann:hu/sh@127.0.0.1:9", "socks5://ann:hu/sh@127.0.0.1:9"):
        variables = {
            "HOME": str(tmp_path),
            "HTTPS_PROXY": proxy,
            "HTTP_PROXY": proxy,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_REGION": "eu-west-1",
            "PATCHSWEEP_MAX_ATTEMPTS": "1",
        }
        for command in ("scan", "doctor", "plan", "scans --store s3://some-bucket/x"):
            ended = run_forked(command.split(), tmp_path, variables, ends_within_s=300)
            assert ended.code in (1, 2, 3)
            assert "hu/sh" not in ended.stderr
            assert "'hu'" not in ended.stderr
            assert "Traceback" not in ended.stderr
