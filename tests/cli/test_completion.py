"""What a shell offers after Tab, asked for as its completion script does."""

from __future__ import annotations

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import NEW, OLD, UNFINISHED


@pytest.fixture
def offered(monkeypatch):
    """Returns the words that are offered for the last of these."""

    def ask(*words):
        monkeypatch.setenv("_PATCHSWEEP_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(["patchsweep", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        ended = run(app=FakeApp())
        assert (ended.code, ended.stderr) == (0, "")
        return [line.partition(",")[2] for line in ended.stdout.splitlines()]

    return ask


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sc",), ["scan", "scans", "schema"]),
        (("scan", "--mo"), ["--mode"]),
        (("scan", "--log-level", ""), ["debug", "info", "warning", "error"]),
        (("scan", "--states", "MISSING,fa"), ["MISSING,FAILED"]),
        (("scan", "--accounts", "o"), ["organization"]),
        (("config", ""), ["show", "validate"]),
    ],
    ids=" ".join,
)
def test_commands_options_and_values(offered, words, expected):
    got = offered(*words)
    assert got[: len(expected)] == expected


def test_the_scans_of_the_store_the_newest_first(offered, store):
    assert offered("report", "--store", store, "") == ["latest", NEW, OLD]
    assert offered("diff", "--store", store, OLD, NEW[:9]) == [each for each in (NEW, OLD) if each.startswith(NEW[:9])]
    assert offered("scan", "--store", store, "--resume", "") == [UNFINISHED]


def test_a_store_that_cannot_be_read_offers_only_latest(offered, tmp_path):
    assert offered("query", "--store", str(tmp_path / "none"), "--scan", "") == ["latest"]
    assert offered("query", "--config", "missing.toml", "--scan", "") == ["latest"]
