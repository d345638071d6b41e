"""Rows compared with AWS's counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.core.model import PatchState
from scanner.core.patch_rows import patch_rows_of
from scanner.core.state_names import PATCH_STATES, wire_state
from scanner.scan.listing import rows_by_state
from scanner.scan.reconcile import comparable_states, disagreements, has_comparable_count
from tests.fake_fleet import patch, state_of

ALL = comparable_states((), other_filters=False)


def disagreements_of(state, rows, comparable=ALL):
    return disagreements(state, rows_by_state(patch_rows_of(rows)), comparable)


@given(st.lists(st.sampled_from(PATCH_STATES)), st.lists(st.sampled_from(PATCH_STATES)))
def test_a_state_in_either_form_agrees_and_differs_alike(counted, read):
    state = state_of("i-1", [patch("a", name) for name in counted])
    documented = [patch("a", name) for name in read]
    as_listed = [patch("a", wire_state(name)) for name in read]

    assert disagreements_of(state, documented) == disagreements_of(state, as_listed)


def test_a_difference_is_a_sentence_with_both_numbers():
    state = state_of("i-1", [patch("a"), patch("b")])

    assert disagreements_of(state, [patch("a")]) == ["INSTALLED has 1 rows where AWS counts 2"]


def test_an_unknown_count_is_not_compared():
    state = PatchState("i-1", installed_count=None, missing_count=1)

    assert disagreements_of(state, [patch("a"), patch("b", "MISSING")]) == []


def test_only_the_states_of_a_filter_are_compared():
    state = state_of("i-1", [patch("a"), patch("b", "MISSING")])
    comparable = comparable_states(["MISSING"], other_filters=False)

    assert disagreements_of(state, [patch("b", "MISSING")], comparable) == []
    assert disagreements_of(state, [], comparable) == ["MISSING has 0 rows where AWS counts 1"]


def test_a_filter_on_severity_leaves_nothing_to_compare():
    assert comparable_states(["MISSING"], other_filters=True) == frozenset()


def test_not_applicable_rows_are_never_compared():
    state = PatchState("i-1", installed_count=0, not_applicable_count=900)

    assert disagreements_of(state, [patch("a", "NOT_APPLICABLE")]) == []


def test_a_state_without_a_count_of_a_compared_state_has_nothing_to_compare():
    assert has_comparable_count(PatchState("i-1", missing_count=0), ALL)
    assert not has_comparable_count(PatchState("i-1", not_applicable_count=3), ALL)
    assert not has_comparable_count(PatchState("i-1", missing_count=0), frozenset())
