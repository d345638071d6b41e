"""The targets of a plan, shared among workers who do not talk to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.app.slices import TARGET_ROWS, Slice, parse_slice, slice_targets
from scanner.core.errors import ConfigError
from scanner.core.model import Target
from scanner.store.plan_file import PlannedTarget

_sizes = st.lists(st.integers(0, 1_000_000), max_size=60).map(lambda sizes: sorted(sizes, reverse=True))


def plan_of(sizes):
    return [PlannedTarget(Target(f"{number:012}", "eu-west-1"), size) for number, size in enumerate(sizes)]


@given(_sizes, st.integers(1, 9))
def test_every_target_is_in_exactly_one_slice_and_in_the_order_of_the_plan(sizes, count):
    plan = plan_of(sizes)
    slices = [slice_targets(plan, Slice(index, count)) for index in range(count)]
    assert sorted((each for part in slices for each in part), key=str) == [each.target for each in plan]
    order = {each.target: number for number, each in enumerate(plan)}
    assert all(part == sorted(part, key=order.__getitem__) for part in slices)


@given(_sizes, st.integers(1, 9))
def test_no_slice_has_more_than_one_target_more_to_read_than_another(sizes, count):
    plan = plan_of(sizes)
    cost = {each.target: each.size + TARGET_ROWS for each in plan}
    loads = [sum(cost[each] for each in slice_targets(plan, Slice(index, count))) for index in range(count)]
    assert max(loads) - min(loads) <= max(cost.values(), default=0)


def test_targets_of_unknown_size_are_dealt_out_one_by_one():
    plan = plan_of([0] * 10)
    assert [len(slice_targets(plan, Slice(index, 4))) for index in range(4)] == [3, 3, 2, 2]


def test_a_slice_is_named_by_its_index_from_zero_and_their_number():
    assert parse_slice(" 3/4 ") == Slice(3, 4)


@pytest.mark.parametrize(
    "text", ["4/4", "1/0", "0/0", "-1/4", "1", "1/4/2", "a/b", "", "1.0/4", "½/4", "0/" + "9" * 5_000]
)
def test_what_is_no_slice_is_refused_in_a_sentence(text):
    with pytest.raises(ConfigError, match="is no slice: give I/N with I from 0 to N-1, such as 0/4"):
        parse_slice(text)


def test_far_more_slices_than_targets_cost_nothing():
    plan = plan_of([5, 3])
    slices = [slice_targets(plan, Slice(index, 10**15)) for index in (0, 1, 2, 10**15 - 1)]
    assert slices == [[plan[0].target], [plan[1].target], [], []]
