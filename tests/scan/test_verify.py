"""The pure decisions about one node."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.errors import Denied, Disabled, NodeGone, PaginationBroken, Unavailable
from scanner.core.model import (
    COUNTED_STATES,
    PATCH_STATES,
    ManagedNode,
    NodeStatus,
    PatchPage,
    PatchState,
    documented_state,
    wire_state,
)
from scanner.core.patch_rows import patch_rows_of
from scanner.scan.verify import (
    MAX_PAGES,
    READ_AGAIN,
    Listing,
    NodeWork,
    Reading,
    batches,
    comparable_states,
    disagreements,
    expected_rows,
    fingerprint,
    gap_of,
    judge,
    max_pages,
    needs_second_look,
)
from tests.fake_fleet import patch, state_of

ALL = comparable_states((), other_filters=False)


def listing_of(*rows_by_page):
    listing = Listing()
    for number, rows in enumerate(rows_by_page):
        listing.add(PatchPage(rows, f"t{number}"))
    return listing


def reading_of(*rows_by_page):
    return listing_of(*rows_by_page).reading(patch_rows_of([row for rows in rows_by_page for row in rows]))


def disagreements_of(state, rows, comparable):
    return disagreements(state, reading_of(rows).rows, comparable)


def verdict(before, after, reading, comparable=ALL, *, read_before=False, may_read_again=True):
    return judge(before, after, reading, comparable, read_before=read_before, may_read_again=may_read_again)


def test_rows_are_counted_over_all_pages_and_duplicates_each_time():
    reading = reading_of([patch("a"), patch("b")], [], [patch("a"), patch("c", "MISSING")])

    assert reading == Reading(3, Counter({"INSTALLED": 3, "MISSING": 1}))


def test_rows_are_counted_by_their_documented_state_whichever_form_they_came_in():
    states = ["InstalledOther", "INSTALLED_OTHER", "Missing", "MISSING", "New", None, ""]
    reading = reading_of([patch("a", state) for state in states], [patch("b", "installedOther")])

    assert reading.rows == {"INSTALLED_OTHER": 3, "MISSING": 2, "New": 1, "": 2}
    assert reading_of([], []).rows == Counter()


@given(st.lists(st.sampled_from([*PATCH_STATES, *map(wire_state, PATCH_STATES), "New", None, ""])))
def test_every_row_counts_once_under_its_documented_state(states):
    rows = [patch("a", state) for state in states]

    assert reading_of(rows).rows == Counter(documented_state(state or "") for state in states)


@given(st.lists(st.sampled_from(PATCH_STATES)), st.lists(st.sampled_from(PATCH_STATES)))
def test_a_state_in_either_form_agrees_and_differs_alike(counted, read):
    state = state_of("i-1", [patch("a", name) for name in counted])
    documented = reading_of([patch("a", name) for name in read])
    wired = reading_of([patch("a", wire_state(name)) for name in read])

    assert disagreements(state, documented.rows, ALL) == disagreements(state, wired.rows, ALL)


def test_a_token_that_comes_twice_breaks_the_reading():
    listing = listing_of([patch("a")])

    with pytest.raises(PaginationBroken, match="twice"):
        listing.add(PatchPage([patch("a")], "t0"))


def test_a_listing_without_end_breaks_the_reading():
    listing = listing_of(*[[] for _ in range(MAX_PAGES - 1)])

    with pytest.raises(PaginationBroken, match="did not end"):
        listing.add(PatchPage([], "one more"))


def test_a_listing_passes_for_endless_far_beyond_the_expected_pages_and_later_the_next_time():
    work = NodeWork(ManagedNode("i-1"), PatchState("i-1", installed_count=400))

    assert [max_pages(work, broken) for broken in range(4)] == [130, 520, MAX_PAGES, MAX_PAGES]
    assert max_pages(NodeWork(ManagedNode("i-1"), None), 0) == MAX_PAGES


def test_rows_that_agree_with_every_count_are_verified():
    rows = [patch("a"), patch("b", "MISSING")]
    state = state_of("i-1", rows)

    assert verdict(state, state, reading_of(rows)).status is NodeStatus.VERIFIED


def test_a_state_that_moved_while_the_node_was_read_means_reading_it_again_even_if_counts_agree():
    rows = [patch("a")]
    before, after = state_of("i-1", rows, "s1"), state_of("i-1", rows, "s2")

    assert verdict(before, after, reading_of(rows, [])) == READ_AGAIN


def test_a_difference_is_read_once_more_and_then_delivered_with_both_numbers():
    state = state_of("i-1", [patch("a"), patch("b")])
    reading = reading_of([patch("a")])

    assert verdict(state, state, reading) == READ_AGAIN
    final = verdict(state, state, reading, read_before=True)
    assert final.status is NodeStatus.MISMATCHED
    assert final.reason == "INSTALLED has 1 rows where AWS counts 2"


def test_a_node_that_never_stops_moving_is_delivered_as_mismatched():
    before, after = state_of("i-1", [], "s1"), state_of("i-1", [], "s2")

    assert verdict(before, after, reading_of([], []), may_read_again=False).status is NodeStatus.MISMATCHED


def test_no_patch_state_and_no_rows_is_no_patch_data():
    assert verdict(None, None, reading_of([])).status is NodeStatus.NO_PATCH_DATA


def test_rows_without_a_patch_state_are_delivered_and_say_so():
    final = verdict(None, None, reading_of([patch("a")]))

    assert (final.status, final.reason) == (
        NodeStatus.VERIFIED,
        "AWS has no patch state to hold the rows against",
    )


def test_a_patch_state_that_appears_during_a_listing_of_several_pages_means_reading_again():
    rows = [patch("a")]

    assert verdict(None, state_of("i-1", rows), reading_of(rows, [])) == READ_AGAIN
    assert verdict(None, state_of("i-1", rows), reading_of(rows)).status is NodeStatus.VERIFIED


def test_an_unknown_count_is_not_compared():
    state = PatchState("i-1", installed_count=None, missing_count=1)

    assert disagreements_of(state, [patch("a"), patch("b", "MISSING")], ALL) == []


def test_only_filtered_states_are_compared():
    state = state_of("i-1", [patch("a"), patch("b", "MISSING")])

    comparable = comparable_states(["MISSING"], other_filters=False)

    assert disagreements_of(state, [patch("b", "MISSING")], comparable) == []
    assert disagreements_of(state, [], comparable) == ["MISSING has 0 rows where AWS counts 1"]


def test_a_filter_on_severity_leaves_nothing_to_compare():
    assert comparable_states(["MISSING"], other_filters=True) == frozenset()


def test_not_applicable_rows_are_never_compared():
    state = PatchState("i-1", installed_count=0, not_applicable_count=900)

    assert disagreements_of(state, [patch("a", "NOT_APPLICABLE")], ALL) == []


def test_a_single_page_that_agrees_needs_no_second_look():
    rows = [patch("a")]
    work = NodeWork(ManagedNode("i-1"), state_of("i-1", rows))

    assert not needs_second_look(work, reading_of(rows), ALL)
    assert needs_second_look(work, reading_of(rows, []), ALL)
    assert needs_second_look(work, reading_of([]), ALL)
    assert needs_second_look(NodeWork(ManagedNode("i-1"), None), reading_of([]), ALL)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NodeGone("x"), NodeStatus.GONE),
        (Denied("x"), NodeStatus.DENIED),
        (Disabled("x"), NodeStatus.DENIED),
        (Unavailable("x"), NodeStatus.FAILED),
        (PaginationBroken("x"), NodeStatus.FAILED),
    ],
)
def test_each_error_of_a_node_has_its_status(error, status):
    assert gap_of(error) == (status, "x")


STATES = st.builds(
    PatchState,
    instance_id=st.just("i-1"),
    snapshot_id=st.none() | st.sampled_from(["s1", "s2"]),
    operation_end_time=st.none() | st.integers(0, 2),
    **{name: st.none() | st.integers(0, 3) for name in COUNTED_STATES.values()},
)
ROWS = st.lists(st.builds(patch, st.sampled_from("ab"), st.sampled_from([*COUNTED_STATES, "NOT_APPLICABLE", "New"])))


@given(before=st.none() | STATES, after=st.none() | STATES, rows=ROWS, split=st.booleans(), again=st.booleans())
def test_whatever_aws_says_verified_rows_agree_with_every_known_count(before, after, rows, split, again):
    reading = reading_of(rows, []) if split else reading_of(rows)

    final = verdict(before, after, reading, read_before=again)

    if final.status is NodeStatus.VERIFIED and after is not None:
        assert disagreements_of(after, rows, ALL) == []
        assert not split or fingerprint(before) == fingerprint(after)
    if final.status is NodeStatus.MISMATCHED:
        assert final.reason


@given(before=st.none() | STATES, after=st.none() | STATES, rows=ROWS)
def test_a_verdict_always_comes_once_the_attempts_are_used_up(before, after, rows):
    assert verdict(before, after, reading_of(rows, []), read_before=True, may_read_again=False).status is not None


@given(st.lists(st.integers(0, 3_000)), st.integers(1, 2_500))
def test_batches_keep_every_node_once_and_pass_the_bound_only_with_a_single_node(counts, max_rows):
    work = [
        NodeWork(ManagedNode(f"i-{number}"), PatchState(f"i-{number}", installed_count=count))
        for number, count in enumerate(counts)
    ]

    grouped = list(batches(work, (), max_rows))

    assert [item for group in grouped for item in group] == work
    assert all(len(group) == 1 or sum(item.state.installed_count for item in group) <= max_rows for group in grouped)


def test_what_is_not_applicable_is_listed_on_windows_only():
    state = PatchState("i-1", installed_count=10, missing_count=5, not_applicable_count=900)

    assert expected_rows(NodeWork(ManagedNode("i-1", platform_type="Linux"), state), ()) == 15
    assert expected_rows(NodeWork(ManagedNode("i-1", platform_type="Windows"), state), ()) == 915
    assert expected_rows(NodeWork(ManagedNode("i-1", platform_type="Windows"), state), ("MISSING",)) == 5
