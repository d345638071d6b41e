"""The cron line runs as written: one scan at a time, its words in the log, a mail when it was not complete."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

from tests.deploy.templates import DEPLOY

CRONTAB = DEPLOY / "cron" / "patchsweep.cron"
STATE, LOG, BIN = "/var/lib/patchsweep", "/var/log/patchsweep", "/opt/patchsweep/bin"
FAKE = '#!/bin/sh\necho "asked to $*" >&2\nexit ${FAKE_EXIT_CODE}\n'


def entry() -> list[str]:
    """The five times, the user and the command of the one job."""
    lines = [line for line in CRONTAB.read_text().splitlines() if line[:1].isdigit() or line[:1] == "*"]
    [line] = lines
    return line.split(maxsplit=6)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The folders that the line names, with a fake command in its place."""
    for name in (STATE, LOG, BIN):
        (tmp_path / name[1:]).mkdir(parents=True)
    command = tmp_path / BIN[1:] / "patchsweep"
    command.write_text(FAKE)
    command.chmod(0o755)
    return tmp_path


def run(machine: Path, *, exit_code: int) -> str:
    """What cron would mail."""
    command = entry()[-1]
    for name in (STATE, LOG):
        command = command.replace(name, f"{machine}{name}")
    environment = {"PATH": f"{machine}{BIN}:/usr/bin:/bin", "FAKE_EXIT_CODE": str(exit_code)}
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, env=environment)
    return done.stdout + done.stderr


def test_the_job_runs_every_night_as_its_own_user_and_in_a_form_that_cron_reads():
    minute, hour, *days, user, command = entry()
    assert (0 <= int(minute) < 60, 0 <= int(hour) < 24, days) == (True, True, ["*", "*", "*"])
    assert user == "patchsweep"
    assert "%" not in command, "cron takes % for a line break"
    assert CRONTAB.read_text().endswith("\n"), "cron drops a last line without an end"


def test_a_complete_scan_is_logged_and_mails_nothing(machine):
    assert run(machine, exit_code=0) == ""
    assert (machine / LOG[1:] / "scan.log").read_text().startswith("asked to scan")


def test_a_partial_scan_mails_one_sentence(machine):
    assert "exit code 3" in run(machine, exit_code=3)


def test_a_second_scan_does_not_start_beside_the_first(machine):
    with (machine / STATE[1:] / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "exit code 75" in run(machine, exit_code=0)
    assert (machine / LOG[1:] / "scan.log").read_text() == ""
