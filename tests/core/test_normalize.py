"""What AWS leaves out or makes up, one value at a time."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.normalize import count, count_of_text, cve_ids, epoch_ms, epoch_s
from scanner.core.state_names import LACKING_STATES, NONCOMPLIANT_STATES, PATCH_STATES, documented_state


@pytest.fixture(autouse=True)
def _time_zone_of_the_machine():
    yield
    time.tzset()


@pytest.mark.parametrize(
    "unknown",
    [None, "", 0, 0.0, -1.0, -62135596800.0, 253402300800.0, 1e300, "0001-01-01T00:00:00Z", "yesterday", "1970-01-01"],
)
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Kolkata"])
def test_a_time_that_says_nothing_is_none_in_every_time_zone(unknown, zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert epoch_ms(unknown) is None


@pytest.mark.parametrize(
    "text", ["2019-01-09T00:00:00Z", "2019-01-09T01:00:00+01:00", "2019-01-09", "2019-01-09T00:00:00"]
)
def test_iso_times_are_taken_as_utc_where_they_name_no_zone(text, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert epoch_ms(text) == 1_546_992_000_000


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 -- bounds
def test_epoch_seconds_and_iso_text_agree_to_the_millisecond(moment):
    milliseconds = epoch_ms(moment.timestamp())
    assert milliseconds == pytest.approx(epoch_ms(moment.isoformat()), abs=1)
    assert milliseconds == pytest.approx(moment.timestamp() * 1000, abs=1)


@given(st.one_of(st.none(), st.floats(), st.integers(), st.text()))
def test_no_time_breaks_the_decoding(value):
    found = epoch_ms(value)
    assert found is None or 0 < found < 253_402_300_800_000 + 1


def test_a_time_just_before_the_end_of_the_calendar_does_not_round_beyond_it():
    found = epoch_ms(253_402_300_799.9999)
    assert found is None or found < 253_402_300_800_000


names = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(names))
def test_cve_ids_are_sorted_trimmed_and_unique(ids):
    found = cve_ids(",".join(ids))
    assert list(found) == sorted(set(found))
    assert set(found) == {name.strip() for name in ids} - {""}


@pytest.mark.parametrize(("reported", "known"), [(None, None), (-1, None), (-5, None), (0, 0), (671, 671)])
def test_a_count_that_was_not_counted_is_none(reported, known):
    assert count(reported) == known


@pytest.mark.parametrize(
    "text",
    [
        "CVE-2026-1111,CVE-2026-2222",
        "cve-2026-2222; CVE-2026-1111",
        "CVE-2026-1111 CVE-2026-2222",
        "['CVE-2026-1111', 'CVE-2026-2222']",
        "CVE-2026-2222,CVE-2026-1111,CVE-2026-1111",
    ],
)
def test_cve_ids_are_found_however_they_are_joined(text):
    assert cve_ids(text) == ("CVE-2026-1111", "CVE-2026-2222")


def test_a_list_in_which_no_id_is_found_is_kept_as_it_is():
    assert cve_ids("ALAS-7, ALAS-3") == ("ALAS-3", "ALAS-7")


@pytest.mark.parametrize(("text", "seconds"), [("1635487514.27", 1635487514.27), ("1635487514", 1635487514.0)])
def test_epoch_seconds_may_come_as_text(text, seconds):
    assert epoch_s(text) == seconds


@pytest.mark.parametrize(
    ("reported", "value"),
    [
        ("198", 198),
        ("0", 0),
        (7.0, 7),
        ("-1", None),
        ("", None),
        (None, None),
        ("x", None),
        ("1.5", None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_a_count_may_come_as_text(reported, value):
    assert count_of_text(reported) == value


@pytest.mark.parametrize("raw", ["AvailableSecurityUpdate", "AvailableSecurityUpdates", "AVAILABLE_SECURITY_UPDATES"])
def test_a_state_in_the_plural_is_the_same_state(raw):
    assert documented_state(raw) == "AVAILABLE_SECURITY_UPDATE"


def test_a_rejected_patch_is_noncompliant_and_nothing_that_the_node_lacks():
    assert "INSTALLED_REJECTED" in NONCOMPLIANT_STATES
    assert "INSTALLED_REJECTED" not in LACKING_STATES
    assert {*LACKING_STATES, *NONCOMPLIANT_STATES} <= {*PATCH_STATES}
