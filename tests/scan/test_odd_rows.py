"""Rows that cannot be understood are said in words, and a node that has any is never verified."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec import structs

from scanner.core.model import ManagedNode, NodeStatus
from scanner.core.patch_rows import patch_page, patch_rows_of
from scanner.core.state_names import PATCH_STATES
from scanner.scan.choice import ReadWhole, Refresh
from scanner.scan.job import ReadingRules
from scanner.scan.node_attempt import Deliver, NodeAttempt, ReadAgain
from scanner.scan.odd_rows import doubts_about
from scanner.scan.reconcile import comparable_states
from tests.fake_fleet import patch, state_of

ALL = comparable_states((), other_filters=False)
ODD = "KB1 (Expected `str | null`, got `int` - at `$.Severity`)"
ROWS = [patch("a"), patch("b", "MISSING")]
SENTENCE = f"1 row cannot be read: {ODD}"


def attempt_of(state, choice=ReadWhole(), **rules):  # noqa: B008 - frozen
    return NodeAttempt(ManagedNode("i-1"), state, ReadingRules((), ALL, max_nodes=1, max_restarts=3), choice, **rules)


def read(attempt, *pages):
    listing = attempt.next_listing()
    for page in pages:
        listing.add(page)
    attempt.listed(listing)


def test_nothing_is_doubted_where_every_row_is_in_a_documented_state():
    assert doubts_about(Counter(PATCH_STATES), ()) == []


def test_the_first_rows_and_states_are_named_and_the_others_counted():
    states = Counter({"": 2, "New": 1, "Old": 1, "x" * 50: 3, "MISSING": 4})
    assert doubts_about(states, ["a", "b", "c", "d", "e"]) == [
        "5 rows cannot be read: a, b, c and 2 more",
        "7 rows in a state that AWS does not document: none, New, Old and 1 more",
    ]


@pytest.mark.parametrize("counted", [ROWS, [*ROWS, patch("c", "MISSING")]], ids=["not counted", "counted"])
def test_a_node_with_an_odd_row_is_read_once_more_and_keeps_its_other_rows_but_is_not_verified(counted):
    state = state_of("i-1", counted)
    attempt = attempt_of(state)
    for expected in (ReadAgain, Deliver):
        read(attempt, patch_page(ROWS, None, odd_rows=[ODD]))
        decision = attempt.decide(state)
        assert isinstance(decision, expected)
    assert decision.status is NodeStatus.MISMATCHED
    assert decision.reason.endswith(SENTENCE)
    assert attempt.rows == patch_rows_of(ROWS)


def test_an_odd_row_that_is_right_the_second_time_costs_nothing():
    state = state_of("i-1", [*ROWS, patch("c")])
    attempt = attempt_of(state)
    read(attempt, patch_page(ROWS, None, odd_rows=[ODD]))
    assert attempt.decide(state) == ReadAgain()
    read(attempt, patch_page([*ROWS, patch("c")], None))
    assert attempt.decide(state) == Deliver(NodeStatus.VERIFIED)


@pytest.mark.parametrize("rows", [ROWS, []])
def test_an_odd_row_is_named_where_aws_has_no_patch_state_too(rows):
    attempt = attempt_of(None)
    read(attempt, patch_page(rows, None, odd_rows=[ODD]))
    assert attempt.decide(None) == ReadAgain()
    read(attempt, patch_page(rows, "t"), patch_page([], None, odd_rows=[ODD]))
    assert attempt.decide(None) == Deliver(NodeStatus.MISMATCHED, SENTENCE)


def test_an_odd_row_is_named_where_no_count_can_be_compared():
    state = structs.replace(state_of("i-1", []), **dict.fromkeys(("installed_count", "missing_count"), None))
    attempt = attempt_of(state)
    for _ in range(2):
        read(attempt, patch_page(ROWS, None, odd_rows=[ODD]))
        decision = attempt.decide(state)
    assert decision == Deliver(NodeStatus.MISMATCHED, SENTENCE)


def test_a_node_that_moved_is_read_again_whatever_its_odd_rows():
    attempt = attempt_of(state_of("i-1", ROWS))
    moved = state_of("i-1", ROWS, "s2")
    read(attempt, patch_page(ROWS, "t"), patch_page([], None, odd_rows=[ODD]))
    assert attempt.decide(moved) == ReadAgain()
    read(attempt, patch_page(ROWS, None))
    assert attempt.decide(moved) == Deliver(NodeStatus.VERIFIED)


def test_a_refreshed_node_with_an_odd_row_is_read_whole():
    lacking = [patch("b", "MISSING")]
    state = state_of("i-1", ROWS)
    attempt = attempt_of(state, Refresh(lambda _: False), rechoose=lambda _: ReadWhole())
    read(attempt, patch_page(lacking, None, odd_rows=[ODD]))
    assert attempt.decide(state) == ReadAgain()
    while isinstance(decision := _read_whole(attempt, state), ReadAgain):
        assert not attempt.is_refresh
    assert decision == Deliver(NodeStatus.MISMATCHED, SENTENCE)


def _read_whole(attempt, state):
    read(attempt, patch_page(ROWS, None, odd_rows=[ODD]))
    return attempt.decide(state)


@pytest.mark.parametrize("odd_state", ["New", None, ""])
@pytest.mark.parametrize("with_state", [True, False])
def test_a_row_in_a_state_that_aws_does_not_document_is_kept_and_named_at_once(odd_state, with_state):
    rows = [*ROWS, patch("c", odd_state)]
    state = state_of("i-1", ROWS) if with_state else None
    attempt = attempt_of(state)
    read(attempt, patch_page(rows, None))
    decision = attempt.decide(state)
    assert decision == Deliver(
        NodeStatus.MISMATCHED, f"1 row in a state that AWS does not document: {odd_state or 'none'}"
    )
    assert attempt.rows == patch_rows_of(rows)
