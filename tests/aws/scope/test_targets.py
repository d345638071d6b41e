"""Scopes become targets, or one sentence on why not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.scope.targets import Account, included, largest_first, targets_of
from scanner.core.model import Target
from scanner.core.settings import ScopeSettings

A, B, C = (Account(digit * 12) for digit in "123")


def test_excluded_accounts_are_left_out_and_repeated_ones_stand_once():
    assert included([A, B, A, C], ScopeSettings(exclude_accounts=(B.account_id,))) == [A, C]


def test_neighbours_are_in_different_accounts():
    targets = targets_of({A: ["r-1", "r-2"], B: ["r-1", "r-2", "r-3"]}, ScopeSettings())
    assert [str(target) for target in targets] == [
        "111111111111/r-1",
        "222222222222/r-1",
        "111111111111/r-2",
        "222222222222/r-2",
        "222222222222/r-3",
    ]


def test_excluded_regions_are_left_out_of_every_account():
    targets = targets_of(dict.fromkeys([A, B], ("r-1", "r-2")), ScopeSettings(exclude_regions=("r-1",)))
    assert {target.region for target in targets} == {"r-2"}


def test_a_target_carries_the_name_of_its_account():
    assert targets_of({Account("1" * 12, "prod"): ["r-1"]}, ScopeSettings()) == [Target("1" * 12, "r-1", "prod")]


def test_the_largest_are_read_first_and_unknown_ones_keep_their_order():
    one, two, three, four = (Target("1" * 12, f"r-{number}") for number in range(4))
    sizes = {("1" * 12, "r-2"): 5, ("1" * 12, "r-1"): 9}
    assert largest_first([one, two, three, four], sizes) == [
        two,
        three,
        one,
        four,
    ]


accounts = st.integers(0, 30).map(lambda number: Account(f"{number:012}"))
region_names = st.sampled_from([f"r-{number}" for number in range(6)])
maps = st.dictionaries(accounts, st.lists(region_names))


@pytest.mark.slow
@given(maps, st.lists(region_names).map(tuple))
def test_every_account_and_region_that_is_not_excluded_becomes_one_target(regions, excluded):
    targets = targets_of(regions, ScopeSettings(exclude_regions=excluded))
    wanted = {
        (account.account_id, name) for account, names in regions.items() for name in names if name not in excluded
    }
    assert len(targets) == len(wanted)
    assert {(target.account_id, target.region) for target in targets} == wanted


@pytest.mark.slow
@given(maps)
def test_an_account_follows_itself_only_when_no_other_has_more_to_read(regions):
    order = [target.account_id for target in targets_of(regions, ScopeSettings())]
    for position, (account_id, following) in enumerate(pairwise(order)):
        if account_id == following:
            assert set(order[position:]) == {account_id}


@pytest.mark.slow
@given(maps, st.dictionaries(st.integers(0, 100), st.integers(0, 9)))
def test_ordering_loses_and_doubles_nothing(regions, hints):
    targets = targets_of(regions, ScopeSettings())
    keys = [(target.account_id, target.region) for target in targets]
    sizes = {keys[place % len(keys)]: size for place, size in hints.items() if keys}
    ordered = largest_first(targets, sizes)
    assert sorted(map(str, ordered)) == sorted(map(str, targets))
    found = [sizes.get((target.account_id, target.region), 0) for target in ordered]
    assert found == sorted(found, reverse=True)
