"""The rows and calls that nodes cost, by their patch states."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.core.model import ManagedNode, PatchState
from scanner.scan.estimate import (
    BATCHES_SIDE_BY_SIDE,
    MAX_BATCH_ROWS,
    MAX_PAGES,
    MIN_BATCH_ROWS,
    ROWS_WAITING,
    ListedNode,
    batch_rows,
    expected_rows,
    max_pages,
)


def listed(installed, number=1):
    return ListedNode(ManagedNode(f"i-{number}"), PatchState(f"i-{number}", installed_count=installed))


def test_what_is_not_applicable_is_listed_on_windows_only():
    state = PatchState("i-1", installed_count=10, missing_count=5, not_applicable_count=900)

    assert expected_rows(ListedNode(ManagedNode("i-1", platform_type="Linux"), state), ()) == 15
    assert expected_rows(ListedNode(ManagedNode("i-1", platform_type="Windows"), state), ()) == 915
    assert expected_rows(ListedNode(ManagedNode("i-1", platform_type="Windows"), state), ("MISSING",)) == 5


def test_a_listing_counts_as_endless_far_beyond_the_expected_pages_and_later_the_next_time():
    assert [max_pages(listed(400), broken) for broken in range(4)] == [130, 520, MAX_PAGES, MAX_PAGES]
    assert max_pages(ListedNode(ManagedNode("i-1"), None), 0) == MAX_PAGES


@given(st.integers(0, ROWS_WAITING // MIN_BATCH_ROWS // BATCHES_SIDE_BY_SIDE))
def test_the_rows_of_all_open_targets_stay_within_one_bound(open_targets):
    assert MIN_BATCH_ROWS <= batch_rows(open_targets) <= MAX_BATCH_ROWS
    assert batch_rows(open_targets) * BATCHES_SIDE_BY_SIDE * open_targets <= ROWS_WAITING


def test_few_targets_have_the_largest_batches_and_very_many_the_smallest():
    assert (batch_rows(1), batch_rows(256), batch_rows(10_000)) == (MAX_BATCH_ROWS, MAX_BATCH_ROWS, MIN_BATCH_ROWS)
