"""The tour: it ends with the path of a report, and what it shows can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from scanner.cli.commands import COMMANDS
from tests.cli.running import run

pytestmark = pytest.mark.slow


def test_the_tour_scans_four_days_and_ends_with_the_path_of_the_report(tmp_path):
    ended = run("demo", "--folder", str(tmp_path / "tour"))

    assert ended.code == 0, ended.stderr
    report = Path(ended.stdout.splitlines()[-1])
    assert report.read_text().startswith("<!DOCTYPE html>")
    steps = [shlex.split(line.partition("$ ")[2]) for line in ended.stderr.splitlines() if ": $ patchsweep" in line]
    assert [words[1] for words in steps] == ["scan", "scan", "scan", "scan", "scans", "diff", "cve", "check", "report"]
    assert {words[1] for words in steps} <= COMMANDS.keys()
    assert "newly missing" in ended.stderr
    assert "refreshed" in ended.stderr + ended.stdout  # the lean scan carries over what the one before it read


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    ended = run("demo", "--folder", str(tmp_path / "file" / "tour"))

    assert (ended.code, "cannot be made" in ended.stderr) == (2, True)


def test_a_day_is_for_the_demonstration_only():
    assert run("scan", "--demo-day", "1").code == 2
