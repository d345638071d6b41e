"""Which scans are kept, with restic's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.store.retention import KeepRules, StoredScan, decide

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def nightly(nights, group="all"):
    """A scan at 02:00 of each of the last nights, the oldest first, named after its age in days."""
    first = datetime(2026, 11, 25, 2, tzinfo=UTC)
    return [StoredScan(f"{group}-{age}", first - timedelta(days=age), group) for age in reversed(range(nights))]


def kept(scans, **rules):
    return [each.scan_id for each in decide(scans, KeepRules(**rules), NOW) if each.is_kept]


def test_the_newest_are_kept():
    assert kept(nightly(5), last=2) == ["all-1", "all-0"]


def test_the_newest_of_each_day_is_kept_even_where_days_have_none():
    twice = [
        StoredScan(f"{scan.scan_id}-noon", scan.started_at + timedelta(hours=10), "all") for scan in nightly(9)[::2]
    ]

    assert kept(sorted([*nightly(1), *twice], key=lambda scan: scan.started_at), daily=3) == [
        "all-4-noon",
        "all-2-noon",
        "all-0-noon",
    ]


def test_the_newest_of_each_week_and_month_is_kept():
    # The 25th of November 2026 is a Wednesday: the last Sundays are 3 and 10 days ago, the last of October 25.
    assert kept(nightly(60), weekly=3, monthly=2) == ["all-25", "all-10", "all-3", "all-0"]


def test_a_scan_is_removed_only_if_it_is_old_and_no_rule_keeps_it():
    assert kept(nightly(6), older_than_days=3) == ["all-2", "all-1", "all-0"]
    assert kept(nightly(6), last=1, older_than_days=2) == ["all-1", "all-0"]


@pytest.mark.parametrize("days", [10**7, 10**20])
def test_whatever_is_younger_than_any_time_is_kept(days):
    assert kept(nightly(2), older_than_days=days) == ["all-1", "all-0"]


def test_each_scope_keeps_its_own():
    assert kept([*nightly(3, "a"), *nightly(2, "b")], last=1) == ["a-0", "b-0"]


def test_of_scans_of_one_second_the_newest_is_the_one_that_latest_means():
    same_second = [StoredScan(name, NOW, "all") for name in ("20261125T120000Z-00000a", "20261125T120000Z-00000b")]

    assert kept(same_second, last=1, daily=1) == ["20261125T120000Z-00000b"]


def test_a_scan_whose_scope_cannot_be_read_is_left_alone():
    damaged = StoredScan("damaged", NOW - timedelta(days=900), None)

    assert decide([damaged, *nightly(2)], KeepRules(last=1), NOW)[0].reasons == ("damaged",)


TIMES = st.datetimes(datetime(2024, 1, 1), datetime(2026, 11, 25)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis takes naive ones
SCANS = st.lists(st.tuples(TIMES, st.sampled_from("ab")), max_size=30, unique_by=lambda scan: scan[0]).map(
    lambda scans: [StoredScan(time.isoformat(), time, group) for time, group in scans]
)
COUNTS = st.integers(0, 5)


@pytest.mark.slow
@given(SCANS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_more_rules_never_keep_less(scans, last, daily, weekly, monthly):
    every = set(kept(scans, last=last, daily=daily, weekly=weekly, monthly=monthly))

    for rule, count in (("last", last), ("daily", daily), ("weekly", weekly), ("monthly", monthly)):
        alone = kept(scans, **{rule: count})
        assert every.issuperset(alone)
        for group in "ab":
            of_group = [scan for scan in scans if scan.group == group]
            # Never more than asked for, but for the newest, which always stays.
            assert len([scan for scan in of_group if scan.scan_id in alone]) <= max(count, 1)
            if of_group:
                assert max(of_group, key=lambda scan: scan.started_at).scan_id in alone


@pytest.mark.slow
@given(SCANS, st.integers(1, 5))
def test_forgetting_twice_is_forgetting_once(scans, count):
    rules = {"daily": count, "weekly": count, "monthly": count}
    first = kept(scans, **rules)

    assert kept([scan for scan in scans if scan.scan_id in first], **rules) == first
