from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCAN = """
import sys
from scanner.cli import main
from tests.cli.fake_app import FakeApp
main(sys.argv[1:], app=FakeApp())
"""


def on_a_terminal(*argv, stdout_too=False):
    """What a terminal gets to see of `patchsweep scan` with a scan that is over at once."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCAN, "scan", *argv],
        stdout=theirs if stdout_too else subprocess.DEVNULL,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"},
    ):
        os.close(theirs)
        seen = b""
        while chunk := _read(ours):
            seen += chunk
    os.close(ours)
    return seen.decode()


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's end of a terminal whose other side was closed
        return b""


def test_progress_and_a_coloured_summary_are_for_a_terminal():
    seen = on_a_terminal()

    assert " · targets " in seen
    assert "\x1b[32mScan 20261123T210611Z-a1b2c3 is complete" in seen
    assert "target_ended" not in seen


def test_progress_can_be_declined_and_then_the_log_is_shown():
    seen = on_a_terminal("--no-progress")

    assert " · targets " not in seen
    assert "target_ended" in seen
    assert '{"' not in seen


def test_a_log_for_machines_is_not_drawn_over():
    seen = on_a_terminal("--log-format", "json")

    assert " · targets " not in seen
    assert "\x1b" not in seen


def test_a_log_for_machines_is_complete_where_progress_is_asked_for_too():
    seen = on_a_terminal("--log-format", "json", "--progress")

    assert " · targets " in seen
    assert '"target_ended"' in seen
    assert '"scan_ended"' in seen


def test_data_on_the_same_terminal_is_not_drawn_over():
    assert " · targets " not in on_a_terminal("--sink", "jsonl:-", stdout_too=True)
    assert " · targets " in on_a_terminal("--sink", "jsonl:-")
