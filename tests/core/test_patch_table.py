"""Patches as columns: whatever AWS leaves out or makes up, in patchsweep's words."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.operations import DESCRIBE_INSTANCE_PATCHES
from scanner.aws.transport import wire
from scanner.core.model import Target
from scanner.core.patch_rows import Patch, PatchRows, patch_rows_of
from scanner.core.patch_table import LISTED, NONE_LISTED, PATCH, in_words, listed
from scanner.core.state_names import PATCH_STATES, wire_state
from tests.worded import row_in_words, rows_of

pytestmark = pytest.mark.slow

AT = Target("222222222222", "eu-west-1")
END_OF_TIME_S = 253_402_300_800.0


def decoded(*rows):
    body = msgspec.json.encode({"Patches": rows})
    return PatchRows(wire.decode_answer(wire.decode_patches, body, DESCRIBE_INSTANCE_PATCHES, AT).rows)


def columns(rows):
    words = in_words(listed([rows if isinstance(rows, PatchRows) else patch_rows_of(rows)]))
    words.validate(full=True)
    assert words.type == PATCH
    return words


def patches(*rows):
    return rows_of(columns(decoded(*rows)))


def column(name, *rows):
    return [row[PATCH.get_field_index(name)] for row in patches(*rows)]


@pytest.fixture(autouse=True)
def _time_zone_of_the_machine():
    yield
    time.tzset()


def test_a_full_row():
    row = {
        "Title": "bind-libs.x86_64:32:9.8.2-0.68.rc1.60.amzn1",
        "KBId": "bind-libs.x86_64",
        "Classification": "Security",
        "Severity": "Important",
        "State": "InstalledPendingReboot",
        "InstalledTime": 1546992000.0,
        "CVEIds": "CVE-2018-5743,CVE-2016-9147, CVE-2018-5743",
        "InstalledBy": "a member that nobody told us of",
    }
    assert patches(row) == [
        (
            "bind-libs.x86_64",
            "bind-libs.x86_64:32:9.8.2-0.68.rc1.60.amzn1",
            "Security",
            "Important",
            "INSTALLED_PENDING_REBOOT",
            1_546_992_000_000,
            ("CVE-2016-9147", "CVE-2018-5743"),
        )
    ]


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(["Title", "Classification", "Severity", "CVEIds"], "")])
def test_what_aws_leaves_empty_is_none(absent):
    assert patches({"KBId": "KB1", "State": "NotApplicable", "InstalledTime": 0.0, **absent}) == [
        ("KB1", None, None, None, "NOT_APPLICABLE", None, ())
    ]


def test_null_is_taken_for_every_member():
    names = ["KBId", "Title", "Classification", "Severity", "State", "InstalledTime", "CVEIds"]
    assert patches(dict.fromkeys(names)) == [("", None, None, None, "", None, ())]


def test_duplicate_rows_stay_and_keep_their_order():
    kernels = [{"KBId": "kernel.x86_64", "State": "Installed", "Title": title} for title in ("b", "a", "b")]
    assert column("title", *kernels) == ["b", "a", "b"]


@pytest.mark.parametrize("state", PATCH_STATES)
def test_a_state_comes_in_either_form(state):
    assert column("state", {"State": state}, {"State": wire_state(state)}) == [state, state]


def test_an_unknown_state_passes_unchanged():
    assert column("state", {"State": "QuarantinedByX"}) == ["QuarantinedByX"]


UNKNOWN_TIMES = [
    None,
    "",
    0,
    0.0,
    -1.0,
    -62135596800.0,
    253402300800.0,
    1e300,
    "0001-01-01T00:00:00Z",
    "yesterday",
    "1970-01-01",
]


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Kolkata"])
def test_a_time_that_says_nothing_is_none_in_every_time_zone(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    for unknown in UNKNOWN_TIMES:
        assert column("installed_time", {"InstalledTime": unknown}) == [None]
    known = {"InstalledTime": 1.5}
    together = column("installed_time", known, *({"InstalledTime": unknown} for unknown in UNKNOWN_TIMES), known)
    assert together == [1_500, *[None] * len(UNKNOWN_TIMES), 1_500]


@pytest.mark.parametrize(
    "text", ["2019-01-09T00:00:00Z", "2019-01-09T01:00:00+01:00", "2019-01-09", "2019-01-09T00:00:00"]
)
def test_iso_times_are_taken_as_utc_where_they_name_no_zone(text, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert column("installed_time", {"InstalledTime": text}) == [1_546_992_000_000]


def test_rows_are_listed_as_aws_gave_them_but_for_what_is_absent():
    rows = [Patch("KB1", "", "Security", None, "InstalledOther", -1.0, "B, A,A"), Patch()]
    as_columns = [
        Patch("KB1", "", "Security", "", "InstalledOther", -1.0, "B, A,A"),
        Patch("", "", "", "", "", 0.0, ""),
    ]
    columns = listed([patch_rows_of(rows), patch_rows_of(rows)])
    assert columns.type == LISTED
    assert [Patch(**row) for row in columns.to_pylist()] == [*as_columns, *as_columns]


def test_no_rows_are_no_columns_of_the_same_type():
    assert listed([]) == listed([patch_rows_of([])]) == NONE_LISTED
    assert columns([]) == in_words(NONE_LISTED) == pa.array([], PATCH)


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
states = texts | st.sampled_from([*PATCH_STATES, *map(wire_state, PATCH_STATES)])
cves = texts | st.lists(st.sampled_from(["CVE-1", "CVE-2", " CVE-1", "", " ", "cve-1"]), max_size=5).map(",".join)
zones = st.none() | st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
iso_times = st.datetimes(timezones=zones).map(datetime.isoformat)
edges = st.sampled_from(
    [0.0, -0.0, 5e-324, 0.0005, 0.00050000001, 0.0015, 0.0025, 1.7e308, END_OF_TIME_S, END_OF_TIME_S - 0.0001]
)
finite = st.floats(allow_nan=False, allow_infinity=False) | st.floats(0.0, 1.0) | st.floats(0.0, END_OF_TIME_S) | edges
# Beyond this a float does not hold every integer; the wire has none that large, it reads all numbers as floats.
whole = st.integers(-(2**53), 2**53) | st.integers(0, 2**32)
rows = st.builds(
    Patch,
    kb_id=texts,
    title=texts,
    classification=texts,
    severity=texts,
    state=states,
    installed_time=st.none() | st.floats() | finite | whole | iso_times | texts,
    cve_ids=cves,
)
wire_rows = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["KBId", "Title", "Classification", "Severity", "Unknown"], texts),
        "State": states,
        "CVEIds": cves,
        "InstalledTime": st.none() | finite | st.integers(-(2**63), 2**64 - 1) | iso_times | texts,
    },
)
nodes = st.lists(rows, max_size=8)


@given(st.lists(wire_rows, max_size=60))
def test_every_row_comes_out_once_and_in_its_place(of_one_node):
    found = patches(*of_one_node)
    assert [row[0] for row in found] == [row.get("KBId") or "" for row in of_one_node]
    assert [row[1] for row in found] == [row.get("Title") or None for row in of_one_node]
    assert found == [row_in_words(msgspec.convert(row, Patch)) for row in of_one_node]


@given(st.lists(rows, max_size=30))
def test_columns_say_what_row_by_row_would_have_said(of_one_node):
    assert rows_of(columns(of_one_node)) == [row_in_words(row) for row in of_one_node]


@given(st.lists(st.none() | st.floats() | finite | whole, max_size=30))
def test_times_that_are_numbers_come_out_as_one_by_one(times):
    found = [Patch(installed_time=moment) for moment in times]
    assert rows_of(columns(found)) == [row_in_words(row) for row in found]


@given(st.lists(nodes, min_size=1, max_size=6))
def test_nodes_put_into_words_together_or_one_by_one_are_the_same(several):
    parts = [patch_rows_of(node) for node in several]
    together = in_words(listed(parts))
    together.validate(full=True)
    assert together == pa.concat_arrays([in_words(listed([part])) for part in parts])
    assert rows_of(together) == [row_in_words(row) for node in several for row in node]


@given(nodes, st.data())
def test_a_part_of_the_columns_is_put_into_words_as_a_part_of_the_rows(of_one_node, data):
    start = data.draw(st.integers(0, len(of_one_node)))
    length = data.draw(st.integers(0, len(of_one_node) - start))
    part = listed([patch_rows_of(of_one_node)]).slice(start, length)
    expected = [row_in_words(row) for row in of_one_node[start : start + length]]
    assert rows_of(in_words(part)) == expected
    assert rows_of(in_words(pa.concat_arrays([part, NONE_LISTED, part]))) == expected * 2
