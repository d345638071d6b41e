"""Which targets are read last or no more, after workers ended while they read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.app.suspects import deaths_of, given_up, is_silent, order_of, unchanged
from scanner.core.model import Target, TargetStatus
from scanner.store.open_targets import FoundOpen, OpenTarget, OpenTargets

TARGETS = [Target(f"{number:012}", "eu-west-1") for number in range(6)]


def key(target):
    return target.account_id, target.region


def opened(writer, *targets, renewal=1):
    return OpenTargets(writer, "0/2", renewal, 5.0, tuple(OpenTarget(*key(target), since=0) for target in targets))


@given(st.lists(st.sampled_from(TARGETS), unique=True), st.dictionaries(st.sampled_from(TARGETS), st.integers(0, 6)))
def test_every_target_is_read_once_alone_or_given_up(targets, deaths):
    order = order_of(targets, {key(target): count for target, count in deaths.items()})
    assert sorted([*order.first, *order.alone, *order.given_up], key=str) == sorted(targets, key=str)
    assert all(deaths.get(target, 0) < 2 for target in order.first)
    assert [deaths[target] for target in order.alone] == sorted(deaths[target] for target in order.alone)
    assert all(2 <= deaths[target] < 4 for target in order.alone)
    assert all(deaths[target] >= 4 for target in order.given_up)


def test_a_death_counts_once_for_each_target_that_was_open():
    one, two, three = TARGETS[:3]
    assert deaths_of([opened("a", one, two, two), opened("b", two), opened("c")]) == {key(one): 1, key(two): 2}
    assert three not in order_of(TARGETS, deaths_of([opened("a", three)])).alone


def test_a_worker_whose_file_changes_between_two_readings_lives():
    before = [FoundOpen(opened("a"), 1.0), FoundOpen(opened("b"), 1.0), FoundOpen(opened("c"), 1.0)]
    after = [FoundOpen(opened("a"), 11.0), FoundOpen(opened("b", renewal=2), 0.0)]
    assert [each.writer for each in unchanged(before, after)] == ["a"]


def test_a_worker_is_silent_after_it_missed_two_signs_of_life():
    assert not is_silent(FoundOpen(opened("a"), 15.9))
    assert is_silent(FoundOpen(opened("a"), 16.1))


def test_a_target_that_is_given_up_says_how_many_workers_ended():
    outcome = given_up(TARGETS[0], 4, 7)
    assert (outcome.status, outcome.reason, outcome.nodes) == (
        TargetStatus.FAILED,
        "4 workers ended while they read it",
        7,
    )
