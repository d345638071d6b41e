"""The targets of a plan, divided into what an engine gives to its workers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.app.engines.bundles import BUNDLES_AT_ONCE, bundle_targets
from scanner.core.model import Target
from scanner.store.plan_file import PlannedTarget


def plan_of(sizes):
    return [PlannedTarget(Target(f"{number:012}", "eu-west-1"), size) for number, size in enumerate(sizes)]


_plans = st.lists(st.integers(0, 1_000_000), max_size=60).map(lambda sizes: plan_of(sorted(sizes, reverse=True)))


@given(_plans, st.sets(st.integers(0, 59)), st.integers(1, 5), st.integers(1, 9))
def test_every_target_that_is_left_is_in_one_bundle_and_none_that_has_ended(plan, ended, processes, open_at_once):
    done = {each.target for number, each in enumerate(plan) if number in ended}
    bundles = bundle_targets(plan, done, processes=processes, open_at_once=open_at_once)

    numbers = sorted(number for bundle in bundles for number in bundle.targets)
    assert numbers == [number for number in range(len(plan)) if number not in ended]
    assert all(bundle.targets for bundle in bundles)
    assert [(bundle.part.index, bundle.part.count) for bundle in bundles] == [
        (index, len(bundles)) for index in range(len(bundles))
    ]
    assert all(list(bundle.targets) == sorted(bundle.targets) for bundle in bundles)


def test_all_targets_are_open_at_once_where_they_fit_and_the_largest_are_spread():
    bundles = bundle_targets(plan_of([9_000_000, 8_000_000, 0, 0, 0, 0]), (), processes=1, open_at_once=6)
    assert len(bundles) == BUNDLES_AT_ONCE
    assert {0, 1} == {min(bundle.targets) for bundle in bundles}


def test_many_small_targets_travel_together():
    bundles = bundle_targets(plan_of([1] * 20_000), (), processes=4, open_at_once=256)
    assert len(bundles) == 79
    assert bundles[0].targets == tuple(range(256))


def test_a_plan_without_targets_has_no_bundles():
    assert bundle_targets([], (), processes=2, open_at_once=4) == []
