"""The two forms of the rule agree, and each reason for stale data is apart."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.reports.staleness import (
    DAY_MS,
    STALE_REASON,
    StaleReason,
    answered_at,
    is_fresh_by_days,
    stale_parameters,
    stale_reason,
)

NOW = 1_795_000_000_000
FRESH, OLD = NOW - DAY_MS, NOW - 8 * DAY_MS


def reason(**facts):
    given_facts = {
        "operation_end_time": OLD,
        "ping_status": "Online",
        "last_successful_association_time": OLD,
        "read_at": NOW,
        "now": NOW,
        "stale_after_days": 7,
    }
    return stale_reason(**given_facts | facts)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"operation_end_time": FRESH}, None),
        ({"operation_end_time": NOW - 7 * DAY_MS}, None),
        ({}, StaleReason.SCAN_DID_NOT_RUN),
        ({"last_successful_association_time": None}, StaleReason.SCAN_DID_NOT_RUN),
        ({"ping_status": "ConnectionLost"}, StaleReason.NODE_SILENT),
        ({"ping_status": None}, StaleReason.NODE_SILENT),
        ({"operation_end_time": None}, StaleReason.NEVER_SCANNED),
        ({"last_successful_association_time": FRESH}, StaleReason.BASELINE_OVERRIDE),
        ({"read_at": OLD + DAY_MS}, StaleReason.OLD_READING),
    ],
    ids=str,
)
def test_each_reason_for_stale_data_is_apart(facts, expected):
    assert reason(**facts) is expected


TIMES = st.integers(NOW - 20 * DAY_MS, NOW)


@pytest.mark.slow
@given(
    ended=st.none() | TIMES,
    ping=st.sampled_from([None, "Online", "ConnectionLost", "Inactive"]),
    associated=st.none() | TIMES,
    read_at=TIMES,
    days=st.integers(1, 15),
)
def test_sql_and_python_give_the_same_reason(ended, ping, associated, read_at, days):
    columns = (
        "SELECT make_timestamptz($ended * 1000) AS operation_end_time, $ping::VARCHAR AS ping_status, "
        "make_timestamptz($associated * 1000) AS last_successful_association_time, $read_at::BIGINT AS read_at"
    )
    parameters = {"ended": ended, "ping": ping, "associated": associated, "read_at": read_at}
    with duckdb.connect() as connection:
        (in_sql,) = connection.execute(
            f"SELECT {STALE_REASON} FROM ({columns})", {**parameters, **stale_parameters(NOW, days)}
        ).fetchone()

    assert in_sql == stale_reason(
        operation_end_time=ended,
        ping_status=ping,
        last_successful_association_time=associated,
        read_at=read_at,
        now=NOW,
        stale_after_days=days,
    )


def test_a_scan_is_answered_for_now_and_one_of_a_simulated_day_for_that_day():
    assert answered_at(OLD, NOW, is_demo=False) == NOW
    assert answered_at(NOW, OLD, is_demo=False) == NOW
    assert answered_at(OLD, NOW, is_demo=True) == OLD


@given(age_ms=st.integers(0, 20 * DAY_MS), days=st.integers(1, 15))
def test_full_days_tell_what_is_stale_but_for_the_very_millisecond_of_the_limit(age_ms, days):
    is_fresh = reason(operation_end_time=NOW - age_ms, stale_after_days=days) is None

    assert is_fresh_by_days(age_ms // DAY_MS, days) == (is_fresh and age_ms != days * DAY_MS)


def test_a_node_without_an_age_is_not_fresh():
    assert not is_fresh_by_days(None, 7)
