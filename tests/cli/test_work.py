"""Which slice a worker reads, from its options and the variables that engines set."""

from __future__ import annotations

import pytest

from scanner.cli.work import report_text, slice_text
from scanner.core.errors import ConfigError
from tests.cli.running import run


def test_a_slice_is_named_or_its_index_comes_from_the_engine():
    assert slice_text(None, None, {}) == "0/1"
    assert slice_text("1/3", None, {"JOB_COMPLETION_INDEX": "2"}) == "1/3"
    assert slice_text(None, 4, {"JOB_COMPLETION_INDEX": "2"}) == "2/4"
    assert slice_text(None, 4, {"AWS_BATCH_JOB_ARRAY_INDEX": "3"}) == "3/4"


def test_an_index_that_no_engine_has_set_and_two_slices_at_once_are_refused():
    with pytest.raises(ConfigError, match="--slices needs the index of this worker in AWS_BATCH_JOB_ARRAY_INDEX or"):
        slice_text(None, 4, {"JOB_COMPLETION_INDEX": ""})
    with pytest.raises(ConfigError, match="exclude each other"):
        slice_text("0/4", 4, {})


@pytest.mark.parametrize("index", ["4", "-1", "x", "1.0", "½", "٣"])
def test_an_index_of_the_engine_that_is_none_of_the_slices_is_refused_by_its_name(index):
    with pytest.raises(ConfigError, match=r"JOB_COMPLETION_INDEX is .*, which is no index from 0 to 3: --slices is 4"):
        slice_text(None, 4, {"JOB_COMPLETION_INDEX": index})


@pytest.mark.parametrize("argv", [("--slice", ""), ("--slice", "4/4"), ("--slices", "0"), ("--slices", "x")])
def test_a_wrong_slice_ends_the_command_before_it_reads_anything(argv, tmp_path):
    ended = run("work", "20261123T210611Z-a1b2c3", *argv, "--store", str(tmp_path / "none"))

    assert ended.code == 2
    assert "--slice" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "none").exists()


def test_a_worker_says_what_it_did():
    from scanner.app import WorkReport  # noqa: PLC0415 - the application is slow to import

    assert report_text(WorkReport("s1", "0/2", 7)) == "slice 0/2 of the scan s1 was read to its end: 7 targets"
    assert "committed already" in report_text(WorkReport("s1", "0/2", is_committed=True))
