"""When a node's rows can be trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.errors import Denied, PaginationBroken, Unavailable
from scanner.core.model import ManagedNode, NodeStatus, PatchState
from scanner.core.patch_rows import NO_PATCHES, patch_page, patch_rows_of
from scanner.core.state_names import COUNTED_STATES
from scanner.scan.choice import ReadWhole, Refresh
from scanner.scan.job import ReadingRules
from scanner.scan.listing import rows_by_state
from scanner.scan.node_attempt import MOVING, NO_COUNT, NO_STATE, UNSTEADY, Deliver, NodeAttempt, ReadAgain
from scanner.scan.question import REFRESH
from scanner.scan.reconcile import comparable_states, disagreements
from tests.fake_fleet import pages, patch, state_of

ALL = comparable_states((), other_filters=False)
VERIFIED, MISMATCHED = NodeStatus.VERIFIED, NodeStatus.MISMATCHED
ONE = [patch("a")]


def attempt_of(state, *, max_restarts=3, comparable=ALL):
    return NodeAttempt(ManagedNode("i-1"), state, ReadingRules((), comparable, max_nodes=1, max_restarts=max_restarts))


def read(attempt, *rows_by_page):
    """One reading that reaches its end."""
    listing = attempt.next_listing()
    for page in pages(*rows_by_page):
        listing.add(page)
    attempt.listed(listing)


def break_off(attempt, error):
    listing = attempt.next_listing()
    listing.add(patch_page(ONE, "t"))
    attempt.broke_off(listing, error)


def decided(before, after, *rows_by_page, **rules):
    attempt = attempt_of(before, **rules)
    read(attempt, *rows_by_page)
    return attempt.decide(after)


def test_rows_that_agree_with_every_count_are_verified():
    rows = [patch("a"), patch("b", "MISSING")]
    state = state_of("i-1", rows)

    assert decided(state, state, rows) == Deliver(VERIFIED)


def test_a_single_page_that_agrees_needs_no_second_look():
    state = state_of("i-1", ONE)
    needs = []
    for before, rows in [(state, [ONE]), (state, [ONE, []]), (state, [[]]), (None, [[]])]:
        attempt = attempt_of(before)
        read(attempt, *rows)
        needs.append(attempt.needs_patch_state)

    assert needs == [False, True, True, True]


def test_what_the_second_look_finds_is_ignored_where_none_was_needed():
    state = state_of("i-1", ONE)

    assert decided(state, None, ONE) == Deliver(VERIFIED)
    assert decided(state, Unavailable("down"), ONE) == Deliver(VERIFIED)


def test_a_state_that_moved_while_the_node_was_read_means_reading_it_again_even_if_counts_agree():
    before, after = state_of("i-1", ONE, "s1"), state_of("i-1", ONE, "s2")
    attempt = attempt_of(before)
    read(attempt, ONE, [])

    assert attempt.decide(after) == ReadAgain()
    read(attempt, ONE, [])
    assert attempt.decide(after) == Deliver(VERIFIED)
    assert (attempt.state, attempt.restarts, attempt.pages) == (after, 1, 4)


def test_a_difference_is_read_once_more_and_then_delivered_with_both_numbers():
    state = state_of("i-1", [patch("a"), patch("b")])
    attempt = attempt_of(state)
    read(attempt, ONE)

    assert attempt.decide(state) == ReadAgain()
    read(attempt, ONE)
    assert attempt.decide(state) == Deliver(MISMATCHED, "INSTALLED has 1 rows where AWS counts 2")
    assert attempt.rows == patch_rows_of(ONE)


def test_a_node_that_never_stops_moving_is_delivered_as_mismatched():
    attempt = attempt_of(state_of("i-1", [], "s0"), max_restarts=2)
    decisions = []
    for number in range(1, 4):
        read(attempt, [], [])
        decisions.append(attempt.decide(state_of("i-1", [], f"s{number}")))

    assert decisions == [ReadAgain(), ReadAgain(), Deliver(MISMATCHED, MOVING)]


def test_no_patch_state_and_no_rows_is_no_patch_data():
    assert decided(None, None, []) == Deliver(NodeStatus.NO_PATCH_DATA)


def test_rows_without_a_patch_state_are_delivered_and_say_so():
    assert decided(None, None, ONE) == Deliver(VERIFIED, NO_STATE)


def test_several_pages_without_a_patch_state_are_read_until_the_same_rows_come_twice():
    attempt = attempt_of(None, max_restarts=3)
    decisions = []
    for rows in ([patch("a")], [patch("b")], [patch("b")]):
        read(attempt, rows, [])
        decisions.append(attempt.decide(None))

    assert decisions == [ReadAgain(), ReadAgain(), Deliver(VERIFIED, NO_STATE)]


def test_several_pages_without_a_patch_state_that_never_repeat_are_mismatched():
    attempt = attempt_of(None, max_restarts=1)
    read(attempt, [patch("a")], [])
    attempt.decide(None)
    read(attempt, [patch("b")], [])

    assert attempt.decide(None) == Deliver(MISMATCHED, UNSTEADY)


def test_a_patch_state_that_appears_during_a_listing_of_several_pages_means_reading_again():
    assert decided(None, state_of("i-1", ONE), ONE, []) == ReadAgain()
    assert decided(None, state_of("i-1", ONE), ONE) == Deliver(VERIFIED)


def test_rows_with_nothing_to_compare_are_verified_with_that_reason():
    state = PatchState("i-1", snapshot_id="s1", operation_end_time=1)

    assert decided(state, state, ONE) == Deliver(VERIFIED, NO_COUNT)
    assert decided(state_of("i-1", ONE), None, ONE, comparable=frozenset()) == Deliver(VERIFIED, NO_COUNT)


def test_broken_pagination_is_tried_again_as_often_as_the_rules_allow():
    attempt = attempt_of(state_of("i-1", ONE), max_restarts=2)
    for _ in range(3):
        break_off(attempt, PaginationBroken("refused"))

    assert attempt.next_listing() is None
    assert attempt.decide(None) == Deliver(NodeStatus.FAILED, "refused")
    assert (attempt.rows, attempt.restarts, attempt.pages) == (NO_PATCHES, 2, 3)


def test_any_other_error_ends_the_node_at_once_without_rows():
    attempt = attempt_of(state_of("i-1", ONE))
    break_off(attempt, Denied("tag"))

    assert (attempt.next_listing(), attempt.needs_patch_state) == (None, False)
    assert attempt.decide(None) == Deliver(NodeStatus.DENIED, "tag")
    assert attempt.rows == NO_PATCHES


def test_a_second_look_that_fails_ends_the_node_without_rows():
    attempt = attempt_of(None)
    read(attempt, ONE)

    assert attempt.decide(Unavailable("down")) == Deliver(NodeStatus.FAILED, "down")
    assert attempt.rows == NO_PATCHES


def test_a_round_without_a_reading_cannot_be_decided():
    with pytest.raises(AssertionError, match="no reading"):
        attempt_of(None).decide(None)


STATES = st.none() | st.builds(
    PatchState,
    instance_id=st.just("i-1"),
    snapshot_id=st.none() | st.sampled_from(["s1", "s2"]),
    operation_end_time=st.none() | st.integers(0, 2),
    **{name: st.none() | st.integers(0, 3) for name in COUNTED_STATES.values()},
)
ROWS = st.lists(st.builds(patch, st.sampled_from("ab"), st.sampled_from([*COUNTED_STATES, "NOT_APPLICABLE", "New"])))
READINGS = st.tuples(ROWS, st.booleans(), STATES)
ROUNDS = st.lists(READINGS | st.sampled_from([PaginationBroken("p"), Unavailable("u")]), min_size=30, max_size=30)


@pytest.mark.slow
@given(before=STATES, rounds=ROUNDS, max_restarts=st.integers(0, 3))
def test_whatever_aws_answers_a_node_ends_in_time_and_only_trusted_rows_are_verified(before, rounds, max_restarts):
    attempt = attempt_of(before, max_restarts=max_restarts)
    answers, decision, pages_read = iter(rounds), ReadAgain(), 0
    readings = 0
    while decision == ReadAgain():
        answer, after, known = next(answers), None, attempt.state
        pages_read += 1
        if isinstance(answer, Exception):
            break_off(attempt, answer)
            if attempt.next_listing() is not None:
                continue
        else:
            rows, is_split, after = answer
            pages_read += is_split
            readings += 1
            read(attempt, rows, *([[]] if is_split else []))
        needed = attempt.needs_patch_state
        decision = attempt.decide(after)

    assert readings <= max_restarts + 1
    assert attempt.pages == pages_read
    assert attempt.next_listing() is None
    if isinstance(answer, Exception):
        assert (decision.status, attempt.rows) == (NodeStatus.FAILED, NO_PATCHES)
        return
    assert attempt.rows == patch_rows_of(rows)
    seen = after if needed else known
    if decision.status is VERIFIED and seen is not None:
        assert disagreements(seen, rows_by_state(attempt.rows), ALL) == []
        assert not is_split or known.fingerprint == seen.fingerprint
    if decision.status is NodeStatus.NO_PATCH_DATA:
        assert (rows, seen) == ([], None)
    assert decision.reason or decision.status is not MISMATCHED


LINUX = ManagedNode("i-1", platform_type="Linux")
MISSING_ONE = [patch("m", "Missing")]
FILTERED = ReadingRules(("MISSING",), comparable_states(("MISSING",), other_filters=False), max_nodes=1, max_restarts=3)
LEAN_STATE = state_of("i-1", [patch("a"), patch("b"), *MISSING_ONE])


def never_old(_kb_ids):
    return False


def refreshing(state=LEAN_STATE, *, clashes=never_old, rechoose=lambda _: ReadWhole(), max_restarts=3):
    rules = ReadingRules((), ALL, max_nodes=1, max_restarts=max_restarts)
    return NodeAttempt(LINUX, state, rules, Refresh(clashes), rechoose)


def test_a_node_of_which_aws_counts_no_wanted_patch_is_verified_without_a_call():
    attempt = NodeAttempt(LINUX, state_of("i-1", ONE), FILTERED)

    assert attempt.next_listing() is None
    assert not attempt.needs_patch_state
    assert attempt.decide(None) == Deliver(VERIFIED)
    assert (attempt.pages, len(attempt.rows)) == (0, 0)


def test_a_listing_that_ended_early_is_trusted_only_after_a_second_look_at_the_patch_state():
    state = state_of("i-1", MISSING_ONE)
    for after, expected in [(state, Deliver(VERIFIED)), (state_of("i-1", MISSING_ONE, "s2"), ReadAgain())]:
        attempt = NodeAttempt(LINUX, state, FILTERED)
        listing = attempt.next_listing()
        listing.add(patch_page(MISSING_ONE, "more"))
        assert listing.is_complete
        attempt.listed(listing)
        assert attempt.needs_patch_state
        assert attempt.decide(after) == expected


def test_a_refreshed_node_is_asked_for_what_is_lacking_and_held_against_these_counts():
    attempt = refreshing()
    assert attempt.question == REFRESH
    read(attempt, MISSING_ONE)

    assert not attempt.needs_patch_state
    assert attempt.decide(None) == Deliver(NodeStatus.REFRESHED)
    assert attempt.rows == patch_rows_of(MISSING_ONE)


def test_a_refreshed_node_that_lacks_nothing_costs_no_call():
    attempt = refreshing(state_of("i-1", ONE))

    assert attempt.next_listing() is None
    assert attempt.decide(None) == Deliver(NodeStatus.REFRESHED)


@pytest.mark.parametrize("rows", [[], [*MISSING_ONE, patch("n", "Missing")], [patch("m", "Failed")]])
def test_a_refreshed_node_whose_rows_differ_from_the_counts_is_read_whole(rows):
    attempt = refreshing()
    read(attempt, rows)
    assert attempt.needs_patch_state

    assert attempt.decide(LEAN_STATE) == ReadAgain()
    assert attempt.question.states == ()
    read(attempt, [patch("a"), patch("b"), *MISSING_ONE])
    assert attempt.decide(LEAN_STATE) == Deliver(VERIFIED)


def test_a_lacking_row_that_proves_the_carried_rows_old_has_the_node_read_whole():
    attempt = refreshing(clashes=lambda kb_ids: kb_ids == ["m"])
    read(attempt, MISSING_ONE)

    assert attempt.decide(None) == ReadAgain()
    assert not attempt.is_refresh


@pytest.mark.parametrize("choice", [ReadWhole(), Refresh(never_old)])
def test_a_node_whose_patch_state_moved_while_it_was_refreshed_is_chosen_for_again(choice):
    moved = state_of("i-1", [patch("a"), patch("b"), *MISSING_ONE], "s2")
    attempt = refreshing(rechoose=lambda state: choice if state == moved else None)
    read(attempt, MISSING_ONE, [])

    assert attempt.decide(moved) == ReadAgain()
    assert attempt.is_refresh is isinstance(choice, Refresh)
    assert attempt.state == moved


def test_a_node_that_keeps_moving_is_never_called_refreshed():
    attempt = refreshing(rechoose=lambda _: Refresh(never_old), max_restarts=1)
    decision, number = ReadAgain(), 1
    while isinstance(decision, ReadAgain):
        number += 1
        read(attempt, MISSING_ONE, [])
        decision = attempt.decide(state_of("i-1", [patch("a"), patch("b"), *MISSING_ONE], f"s{number}"))

    assert decision == Deliver(MISMATCHED, MOVING)
    assert number <= 5


@pytest.mark.parametrize("uninvited", ["INSTALLED", "NOT_APPLICABLE", "New"])
def test_a_refreshed_node_that_lists_what_was_not_asked_for_is_read_whole(uninvited):
    # Beside carried rows such a row could be there twice.
    attempt = refreshing()
    read(attempt, [*MISSING_ONE, patch("a", uninvited)])

    assert attempt.decide(LEAN_STATE) == ReadAgain()
    assert not attempt.is_refresh


def test_a_refreshed_node_of_which_aws_counts_nothing_that_is_lacking_is_read_whole():
    uncounted = {COUNTED_STATES[name]: None for name in REFRESH.states}
    state = structs.replace(LEAN_STATE, **uncounted)
    attempt = refreshing(state)
    read(attempt, MISSING_ONE)

    assert attempt.decide(state) == ReadAgain()
    assert not attempt.is_refresh
