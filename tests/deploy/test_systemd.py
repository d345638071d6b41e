"""systemd takes the units, all of their keys included."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.templates import DEPLOY

UNITS = sorted((DEPLOY / "systemd").iterdir())
COMMAND = "/opt/patchsweep/bin/patchsweep"

pytestmark = pytest.mark.usefixtures("systemd_analyze")


def verify(folder: Path, change: tuple[str, str] = ("", "")) -> subprocess.CompletedProcess[str]:
    """Systemd's view of a copy of the units, with a command that exists on this machine."""
    for unit in UNITS:
        text = unit.read_text().replace(COMMAND, shutil.which("true") or "")
        (folder / unit.name).write_text(text.replace(*change))
    copies = [folder / unit.name for unit in UNITS]
    return subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False)


def test_systemd_has_nothing_to_say_against_the_units(tmp_path):
    found = verify(tmp_path)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_systemd_would_name_a_key_it_does_not_know(tmp_path):
    # It exits with 0 even so: the silence is what counts.
    assert "ProtectSytem" in verify(tmp_path, ("ProtectSystem=", "ProtectSytem=")).stderr


def test_the_timer_elapses_once_a_day():
    timer = configparser.ConfigParser(interpolation=None)
    timer.read(DEPLOY / "systemd" / "patchsweep.timer")
    shown = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=2", "--base-time=2030-01-01", timer["Timer"]["OnCalendar"]],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    ).stdout
    assert "Tue 2030-01-01 02:00:00 UTC" in shown
    assert "Wed 2030-01-02 02:00:00 UTC" in shown
