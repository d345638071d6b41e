"""What is asked of a node, and when it need not be asked at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.model import ManagedNode, PatchState
from scanner.core.state_names import COUNTED_STATES, LACKING_STATES, PATCH_STATES, REFRESHED_STATES
from scanner.scan.cost import Cost, cost, filtered_pages
from scanner.scan.estimate import ListedNode
from scanner.scan.filter_measure import FilterMeasure
from scanner.scan.question import REFRESH, Question
from scanner.scan.reconcile import comparable_states

EVERYTHING = Question((), comparable_states((), other_filters=False))


def asking(*states):
    return Question(states, comparable_states(states, other_filters=False))


def listed(platform="Linux", **counts):
    return ListedNode(ManagedNode("i-1", platform_type=platform), PatchState("i-1", **counts))


ZEROS = dict.fromkeys(COUNTED_STATES.values(), 0)
LINUX_ZEROS = {name: 0 for name in ZEROS if name != "available_security_update_count"}


@pytest.mark.parametrize("platform", ["Windows", "Linux", "MacOS", None])
def test_a_node_of_which_aws_counts_no_wanted_patch_need_not_be_asked(platform):
    assert REFRESH.expects_nothing(listed(platform, **ZEROS, not_applicable_count=900))


@pytest.mark.parametrize("absent", [COUNTED_STATES[state] for state in REFRESHED_STATES])
def test_an_absent_count_is_not_zero(absent):
    counts = {name: count for name, count in ZEROS.items() if name != absent}

    assert not REFRESH.expects_nothing(listed("Windows", **counts))
    assert not REFRESH.expects_nothing(listed(None, **counts))


def test_only_windows_nodes_have_security_updates_that_are_not_approved_yet():
    assert REFRESH.expects_nothing(listed("Linux", **LINUX_ZEROS))
    assert not REFRESH.expects_nothing(listed("Windows", **LINUX_ZEROS))


@pytest.mark.parametrize("state", PATCH_STATES)
def test_a_node_that_counts_one_patch_of_a_wanted_state_is_asked(state):
    counts = ZEROS | ({COUNTED_STATES[state]: 1} if state in COUNTED_STATES else {})

    assert not asking(state).expects_nothing(listed("Windows", **counts))


def test_a_count_that_aws_gives_holds_on_every_platform():
    counts = LINUX_ZEROS | {"available_security_update_count": 1}
    assert not asking("AVAILABLE_SECURITY_UPDATE").expects_nothing(listed("Linux", **counts))


def test_without_a_state_filter_every_node_is_asked():
    assert not EVERYTHING.expects_nothing(listed("Linux", **ZEROS))


def test_a_state_that_aws_does_not_count_is_always_asked_for():
    assert not asking("NOT_APPLICABLE").expects_nothing(listed("Windows", **ZEROS, not_applicable_count=0))
    assert not asking("MISSING", "NEW_STATE").expects_nothing(listed("Windows", **ZEROS))


def test_a_node_without_a_patch_state_is_asked():
    assert not REFRESH.expects_nothing(ListedNode(ManagedNode("i-1"), None))


def test_lean_mode_reads_whatever_is_lacking():
    assert set(LACKING_STATES) <= set(REFRESHED_STATES)
    assert {*REFRESHED_STATES, "INSTALLED", "INSTALLED_OTHER"} == set(COUNTED_STATES)


counts = st.none() | st.integers(0, 300)


@given(
    st.builds(PatchState, st.just("i-1"), **dict.fromkeys([*ZEROS, "not_applicable_count"], counts)),
    st.sets(st.sampled_from(PATCH_STATES)).map(sorted).map(tuple),
    st.sampled_from(["Windows", "Linux", None]),
    st.sampled_from([10, 50]),
)
def test_a_node_costs_nothing_only_where_every_count_is_zero_and_never_more_than_whole(state, states, platform, size):
    node = ListedNode(ManagedNode("i-1", platform_type=platform), state)
    asked = cost(node, asking(*states), size)

    if not asked.calls:
        assert states
        assert not any(getattr(state, COUNTED_STATES[name]) for name in states)
    assert asked.calls <= asked.calls_if_after <= max(1, cost(node, EVERYTHING, size).calls)


def test_costs_add_up():
    full = cost(listed(installed_count=120), EVERYTHING, 50)

    assert full == Cost(nodes=1, rows=120, calls=3, calls_if_after=3)
    assert full + cost(listed(installed_count=120, missing_count=1), asking("MISSING"), 50) == Cost(2, 121, 4, 6)


def test_filtered_listings_show_whether_aws_filters_before_it_cuts_pages():
    node = listed(**LINUX_ZEROS | {"installed_count": 400, "missing_count": 3})
    measure = FilterMeasure()
    assert measure.is_cheap is None

    measure.add(filtered_pages(node, REFRESH, 1, 50))
    assert measure.is_cheap is True

    for _ in range(3):
        measure.add(filtered_pages(node, REFRESH, 9, 50))
    assert measure.is_cheap is False


def test_a_listing_that_costs_the_same_either_way_shows_nothing():
    node = listed(**LINUX_ZEROS | {"installed_count": 20, "missing_count": 3})

    assert filtered_pages(node, REFRESH, 7, 50).share is None
    assert filtered_pages(structs.replace(node, state=None), REFRESH, 7, 50).share is None


def test_what_this_scan_measures_goes_before_what_an_earlier_one_did():
    node = listed(**LINUX_ZEROS | {"installed_count": 400, "missing_count": 3})
    measure = FilterMeasure(filtered_pages(node, REFRESH, 9, 50))
    assert measure.is_cheap is False

    measure.add(filtered_pages(node, REFRESH, 1, 50))
    assert measure.is_cheap is True
