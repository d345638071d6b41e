from __future__ import annotations

import pstats

import pytest

from scanner.cli.profile import profiled
from scanner.core.errors import Interrupted
from tests.cli.fake_app import FakeApp
from tests.cli.running import run


def functions(path):
    return {name for _, _, name in pstats.Stats(str(path)).stats}


def test_a_profile_names_the_functions_that_ran(tmp_path):
    file = tmp_path / "scan.prof"

    ended = run("scan", "--profile", str(file), app=FakeApp())

    assert ended.code == 0
    assert "run_scan" in functions(file)


def test_waiting_has_a_line_of_its_own_and_is_nobody_elses(tmp_path):
    file = tmp_path / "scan.prof"

    run("scan", "--profile", str(file), app=FakeApp())

    assert any("poll" in name or "select" in name for name in functions(file))


def test_a_scan_that_is_interrupted_leaves_its_profile_too(tmp_path):
    file = tmp_path / "scan.prof"

    ended = run("scan", "--profile", str(file), app=FakeApp(Interrupted("stopped", 2)))

    assert ended.code == 130
    assert "run_scan" in functions(file)


def test_a_profile_with_no_folder_to_go_to_is_refused_before_the_scan(tmp_path):
    app = FakeApp()

    ended = run("scan", "--profile", str(tmp_path / "nowhere" / "scan.prof"), app=app)

    assert ended.code == 2
    assert "profile file" in ended.stderr
    assert app.settings is None


def test_without_a_file_nothing_is_profiled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with profiled(None), pytest.raises(ZeroDivisionError):
        _ = 1 / 0

    assert list(tmp_path.iterdir()) == []
