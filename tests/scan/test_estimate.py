"""The rows and calls that nodes cost, by their patch states."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.core.model import ManagedNode, PatchState
from scanner.scan.estimate import MAX_PAGES, ListedNode, batches, expected_rows, max_pages


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


@given(st.lists(st.integers(0, 3_000)), st.integers(1, 2_500))
def test_batches_keep_every_node_once_and_pass_the_bound_only_with_a_single_node(counts, max_rows):
    nodes = [listed(count, number) for number, count in enumerate(counts)]

    grouped = list(batches(nodes, lambda each: expected_rows(each, ()), max_rows))

    assert [item for group in grouped for item in group] == nodes
    assert all(len(group) == 1 or sum(item.state.installed_count for item in group) <= max_rows for group in grouped)
