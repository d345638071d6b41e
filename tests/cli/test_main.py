from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from scanner.cli.commands import COMMANDS
from scanner.core.errors import (
    ConfigError,
    Denied,
    Interrupted,
    PatchsweepError,
    ScanNotFound,
    StoreError,
)
from tests.cli.fake_app import FakeApp
from tests.cli.running import run

HEAVY = (
    "aioboto3",
    "aiobotocore",
    "aiohttp",
    "botocore",
    "duckdb",
    "jinja2",
    "pyarrow",
    "rich",
    "structlog",
    "scanner.app",
)


def modules_after(*argv):
    code = (
        "import json, sys; from scanner.cli import main; code = main(sys.argv[1:]);"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    return json.loads(ended.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], ["scan", "--help"], ["query", "--help"], ["report", "--help"]], ids=" ".join
)
def test_help_comes_without_the_heavy_libraries(argv):
    code, modules = modules_after(*argv)

    assert code == 0
    assert [name for name in modules if name in HEAVY] == []


@pytest.mark.slow
def test_what_a_scan_loads_makes_no_pages():
    code = "import json, sys; from scanner.app import run_scan; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "scanner.reports.tally" in json.loads(ended.stdout)
    assert not {"jinja2", "scanner.reports.html.page"} & {*json.loads(ended.stdout)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_table_explains_itself(command):
    ended = run(command, "--help")

    assert ended.code == 0
    assert ended.stdout.startswith(f"Usage: patchsweep {command}")
    assert all(len(line) <= 80 for line in ended.stdout.splitlines())
    assert ended.stderr == ""


def test_the_command_alone_shows_its_commands_and_is_wrong_usage():
    ended = run()

    assert ended.code == 2
    assert ended.stdout == ""
    assert all(f"\n  {name} " in ended.stderr for name in COMMANDS)


@pytest.mark.parametrize("command", ["sinks", "schema", "config show", "config validate"])
def test_a_command_that_needs_no_setting_takes_the_options_of_the_log(command, monkeypatch):
    monkeypatch.setenv("PATCHSWEEP_LOG_FORMAT", "json")

    quiet = run(*command.split(), "--quiet", "--log-level", "error")
    wrong = run(*command.split(), "--log-level", "loud")

    assert (quiet.code, quiet.stderr) == (0, "")
    assert (wrong.code, "--log-level" in json.loads(wrong.stderr)["message"]) == (2, True)


def test_the_module_is_the_command():
    ended = subprocess.run([sys.executable, "-m", "scanner", "--version"], capture_output=True, text=True, check=True)

    assert ended.stdout.startswith("patchsweep ")


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["scn"], "patchsweep: there is no command 'scn'; did you mean scan?; see: patchsweep --help\n"),
        (["scan", "--sate"], "No such option '--sate'"),
        (["scan", "--store"], "Option '--store' requires an argument; see: patchsweep COMMAND --help\n"),
        (["scans", "prune"], "Missing option '--keep'; see: patchsweep scans prune --help\n"),
        (["query"], "Missing argument 'SQL'; see: patchsweep query --help\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_is_one_sentence_and_says_where_to_read_on(argv, sentence):
    ended = run(*argv)

    assert ended.code == 2
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("the role is wrong"), 2),
        (ScanNotFound("no scan x in the store"), 2),
        (StoreError("the store is full"), 1),
        (Denied("the role may not"), 1),
        (PatchsweepError("something else"), 1),
        (Interrupted("stopped; resume with: patchsweep scan --resume", 2), 130),
        (Interrupted("stopped; resume with: patchsweep scan --resume", 15), 143),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_a_user_or_aws_did_ends_in_a_sentence_and_its_exit_code(error, code):
    ended = run("scan", app=FakeApp(error))

    assert ended.code == code
    assert ended.stderr == f"patchsweep: {error}\n"
    assert ended.stdout == ""


def test_several_causes_at_once_are_a_sentence_each():
    group = BaseExceptionGroup("", [StoreError("the store is full"), ExceptionGroup("", [ConfigError("a is wrong")])])

    ended = run("scan", app=FakeApp(group))

    assert ended.code == 2
    assert ended.stderr == "patchsweep: the store is full\npatchsweep: a is wrong\n"


@pytest.mark.parametrize("fault", [ZeroDivisionError, EOFError])
def test_our_own_fault_ends_in_a_traceback_after_a_sentence_that_nothing_is_lost(fault):
    ended = run("scan", app=FakeApp(fault("seven")))

    first, *rest = ended.stderr.lstrip("\n").splitlines()
    assert ended.code == 1
    assert "patchsweep scan --resume" in first
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == f"{fault.__name__}: seven"


def test_our_own_fault_is_not_hidden_by_a_users_beside_it():
    ended = run("scan", app=FakeApp(ExceptionGroup("", [StoreError("full"), ZeroDivisionError("seven")])))

    assert ended.code == 1
    assert "ZeroDivisionError: seven" in ended.stderr


def test_ctrl_c_where_nobody_listens_for_it_ends_with_130_and_a_sentence():
    ended = run("scan", app=FakeApp(KeyboardInterrupt()))

    assert (ended.code, ended.stderr.strip()) == (130, "patchsweep: stopped by Ctrl-C")


def test_control_characters_in_an_error_are_shown_and_not_obeyed():
    assert run("scan", app=FakeApp(StoreError("\x1b[31mred"))).stderr == "patchsweep: \\x1b[31mred\n"


def test_every_problem_of_the_settings_is_told_before_anything_starts(monkeypatch):
    app = FakeApp()
    monkeypatch.setenv("PATCHSWEEP_ROLENAME", "reader")

    ended = run("scan", "--accounts", "12", "--rate", "fast", app=app)

    assert ended.code == 2
    assert ended.stderr.splitlines() == [
        "patchsweep: PATCHSWEEP_ROLENAME is not a setting; did you mean PATCHSWEEP_ROLE_NAME?",
        'patchsweep: --rate (limits.rate_per_s): expected a number, got "fast"',
        "patchsweep: --accounts (scope.accounts): '12' is not an account id (12 digits)",
    ]
    assert app.settings is None


def test_a_full_disk_behind_stdout_is_told_in_a_sentence():
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        argv = [sys.executable, "-m", "scanner", "sinks"]
        ended = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr == "patchsweep: standard output cannot be written: No space left on device\n"


def test_a_reader_of_stdout_that_has_gone_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-m", "scanner", "sinks"]
    ended = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)

    assert (ended.returncode, ended.stderr) == (1, "")
