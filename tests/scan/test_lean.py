"""When a lean scan may carry a node's installed patches over."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.model import PatchState
from scanner.core.whole_reading import WholeReading, operation_id
from scanner.scan.choice import CarryAll, ReadWhole, Refresh
from scanner.scan.lean import DAY_MS, choose, is_due, may_carry

NOW = 20_000 * DAY_MS
STATE = PatchState(
    "i-1",
    baseline_id="pb-1",
    snapshot_id="s2",
    operation="Scan",
    operation_end_time=NOW - DAY_MS // 2,
    installed_count=50,
    installed_other_count=300,
    missing_count=2,
    last_no_reboot_install_time=NOW - 30 * DAY_MS,
)


def reading_of(state, *, read_at=NOW, as_of=NOW - DAY_MS, is_whole=True):
    return WholeReading(
        operation=operation_id(state),
        is_whole=is_whole,
        read_at=read_at,
        as_of=as_of,
        baseline_id=state.baseline_id,
        installed_count=state.installed_count,
        installed_other_count=state.installed_other_count,
        last_no_reboot_install_time=state.last_no_reboot_install_time,
        segment=0,
        row=0,
    )


BEFORE = structs.replace(STATE, snapshot_id="s1", operation_end_time=NOW - DAY_MS)
READING = reading_of(BEFORE)


def never_old(_kb_ids):
    return False


def chosen(reading, state, now=NOW, every_days=7):
    return choose(reading, state, never_old, now=now, every_days=every_days)


def test_what_is_installed_is_carried_while_nothing_speaks_against_it():
    assert chosen(READING, STATE) == Refresh(never_old)


@pytest.mark.parametrize(
    "change",
    [
        {"installed_count": 51},
        {"installed_other_count": 299},
        {"installed_count": None},
        {"installed_other_count": None},
        {"baseline_id": "pb-2"},
        {"baseline_id": None},
        {"operation": "Install"},
        {"operation": None},
        {"last_no_reboot_install_time": NOW - DAY_MS},
        {"last_no_reboot_install_time": None},
        {"operation_end_time": None},
        {"operation_end_time": NOW - 2 * DAY_MS},
    ],
    ids=str,
)
def test_whatever_speaks_against_it_the_node_is_read_whole(change):
    assert chosen(READING, structs.replace(STATE, **change)) == ReadWhole()


@pytest.mark.parametrize("absent", ["installed_count", "installed_other_count", "baseline_id"])
def test_what_was_not_known_then_proves_nothing_now(absent):
    state = structs.replace(STATE, **{absent: None})

    assert not may_carry(structs.replace(READING, **{absent: None}), state)


def test_a_reading_without_a_date_is_not_carried():
    assert chosen(structs.replace(READING, as_of=None), STATE) == ReadWhole()


@pytest.mark.parametrize(
    "counts", [{"missing_count": 9}, {"failed_count": 1}, {"installed_pending_reboot_count": 3}, {"snapshot_id": None}]
)
def test_what_is_lacking_may_change_for_it_is_read(counts):
    assert isinstance(chosen(READING, structs.replace(STATE, **counts)), Refresh)


def test_a_node_on_which_no_operation_ended_is_carried_over_as_a_whole():
    assert chosen(READING, BEFORE) == CarryAll()
    assert isinstance(chosen(structs.replace(READING, is_whole=False), BEFORE), Refresh)


def test_a_state_that_names_no_operation_is_never_the_same_one():
    nameless = structs.replace(STATE, snapshot_id=None)

    assert isinstance(chosen(reading_of(nameless), nameless), Refresh)


ids = st.text("0123456789abcdef", min_size=17, max_size=17).map("i-{}".format)
times = st.integers(0, 4_000 * DAY_MS)


@given(ids, times, times, st.integers(1, 30))
def test_no_reading_grows_older_than_the_days_that_are_set(instance_id, read_at, now, every_days):
    assume(not is_due(instance_id, read_at, now=now, every_days=every_days))

    assert abs(now - read_at) < every_days * DAY_MS


@given(ids, times, st.integers(1, 30))
def test_a_node_read_every_night_is_due_exactly_once_in_so_many_days(instance_id, first, every_days):
    read_at, nights = first, []
    for night in range(1, 4 * every_days + 1):
        now = first + night * DAY_MS
        if is_due(instance_id, read_at, now=now, every_days=every_days):
            nights.append(night)
            read_at = now

    assert nights
    assert nights[0] <= every_days
    assert {later - earlier for earlier, later in pairwise(nights)} == {every_days}


@given(ids, times, st.integers(1, 30))
def test_a_node_is_not_due_twice_on_one_day(instance_id, now, every_days):
    start = now // DAY_MS * DAY_MS

    assert not is_due(instance_id, start, now=now, every_days=every_days)


def test_whole_readings_are_spread_evenly_over_the_days():
    nodes = [f"i-{number * 7_919:017x}" for number in range(7_000)]
    due = Counter()
    for night in range(1, 8):
        due[night] = sum(
            is_due(node, NOW + (night - 1) * DAY_MS, now=NOW + night * DAY_MS, every_days=7) for node in nodes
        )

    assert sum(due.values()) == len(nodes)
    assert max(due.values()) < 1.15 * len(nodes) / 7


counts = st.none() | st.integers(0, 3)
states = st.builds(
    PatchState,
    st.just("i-1"),
    baseline_id=st.sampled_from([None, "pb-1", "pb-2"]),
    snapshot_id=st.sampled_from([None, "s1", "s2"]),
    operation=st.sampled_from([None, "Scan", "Install"]),
    operation_end_time=st.none() | st.integers(NOW - 3 * DAY_MS, NOW),
    installed_count=counts,
    installed_other_count=counts,
    missing_count=counts,
    last_no_reboot_install_time=counts,
)


@given(states, states, st.integers(NOW - 9 * DAY_MS, NOW), st.booleans(), st.integers(1, 9))
def test_nothing_is_carried_against_any_of_the_rules(then, now, read_at, is_whole, every_days):
    reading = reading_of(then, read_at=read_at, as_of=then.operation_end_time, is_whole=is_whole)
    choice = chosen(reading, now, every_days=every_days)

    if choice != ReadWhole():
        assert NOW - read_at < every_days * DAY_MS
    if choice == CarryAll():
        assert is_whole
        assert (now.fingerprint, now.snapshot_id is None) == (then.fingerprint, False)
    if isinstance(choice, Refresh):
        assert (now.operation, now.baseline_id) == ("Scan", then.baseline_id)
        assert None not in (now.baseline_id, now.installed_count, now.installed_other_count, now.operation_end_time)
        assert (now.installed_count, now.installed_other_count) == (then.installed_count, then.installed_other_count)
        assert now.last_no_reboot_install_time == then.last_no_reboot_install_time
        assert now.operation_end_time >= then.operation_end_time
