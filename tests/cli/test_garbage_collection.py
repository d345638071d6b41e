"""What the garbage collector does while a scan starts up."""

from __future__ import annotations

import gc

import pytest

from scanner.cli.garbage_collection import start_up_uncollected
from scanner.core.model import CallCounts
from tests.cli.fake_app import TARGETS, FakeApp, finished
from tests.cli.running import run


@pytest.fixture(autouse=True)
def _as_before():
    yield
    gc.unfreeze()
    assert gc.isenabled()


def test_nothing_is_collected_until_a_target_opens():
    with start_up_uncollected() as start_up:
        assert not gc.isenabled()
        start_up.target_opened(TARGETS[0], CallCounts())

        assert gc.isenabled()


def test_what_was_made_before_the_first_target_is_never_visited_again_and_what_came_later_is():
    with start_up_uncollected() as start_up:
        early = [[]]
        start_up.target_opened(TARGETS[0], CallCounts())
        late = [[]]
        start_up.target_opened(TARGETS[1], CallCounts())
        visited = gc.get_objects()

    assert not any(found is early for found in visited)
    assert any(found is late for found in visited)


@pytest.mark.parametrize("ending", [finished([], {}), RuntimeError("a bug")])
def test_after_a_scan_garbage_is_collected_again_even_where_no_target_was_opened(ending):
    run("scan", app=FakeApp(ending))

    assert gc.isenabled()
