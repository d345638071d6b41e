"""The trend over the scans of a store, drawn without a script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.reports.html.findings import Wanted
from scanner.reports.html.page import page
from scanner.reports.html.trend import HEIGHT, WIDTH, Change, Trend, TrendPoint
from scanner.reports.time_to_patch import TimeToPatch
from tests.reports.html.page_reader import Page
from tests.reports.html.reports import AT, complete, full

DAY_MS = 86_400_000
FIRST = TrendPoint("20261121T210611Z-000000", AT - DAY_MS, machines=10, compliant=4, critical=7)
SECOND = TrendPoint("20261122T210611Z-000000", AT, machines=12, compliant=6, critical=3)


def shown(*points, left_out=0, patched=()):
    wanted = Wanted(trend=Trend(points, left_out, patched))
    return Page(page(structs.replace(complete(), wanted=wanted), "./patchsweep-data"))


def test_the_report_says_what_changed_since_the_scan_before():
    text = shown(FIRST, SECOND).text

    assert "Against the scan before it, 20261121T210611Z-000000 of" in text
    assert "Machines 10 12 +2" in text
    assert "Compliant machines 4 6 +2" in text
    assert "Critical patches 7 3 -4" in text
    assert "Compliant machines, 21 Nov 2026 to 22 Nov 2026: 40 % to 50 %" in text


@pytest.mark.parametrize("points", [(), (SECOND,)])
def test_a_first_scan_has_no_trend(points):
    assert "trend" not in shown(*points).values("id")


def test_a_scan_without_figures_has_no_trend_and_never_that_of_the_scans_before_it():
    patched = (TimeToPatch("Critical", 1_200, 6.26, 3),)
    third = TrendPoint("20261123T210611Z-000000", AT + DAY_MS, machines=12, compliant=0, critical=300)

    trend = Trend((FIRST, SECOND), left_out=1, patched=patched).ending_with(third)

    assert (trend.points, trend.changes, trend.lines, trend.patched) == ((), [], [], ())
    assert list(Trend((FIRST, SECOND)).ending_with(structs.replace(SECOND, critical=9)).points) == [
        FIRST,
        structs.replace(SECOND, critical=9),
    ]


def test_scans_without_figures_are_counted():
    assert "2 scans of this scope are left out" in shown(FIRST, SECOND, left_out=2).text


def test_how_long_packages_were_lacking_is_shown_by_severity():
    patched = (TimeToPatch("Critical", 1_200, 6.26, 3), TimeToPatch(None, 0, None, 4))

    text = shown(FIRST, SECOND, patched=patched).text

    assert "Time to patch by severity" in text
    assert "over 2 scans of this scope from 21 Nov 2026 on" in text
    assert "Critical 6.3 1,200 3" in text
    assert "not given \N{EN DASH} 0 4" in text


def test_where_nothing_was_patched_there_is_no_time_to_patch():
    assert "patched" not in shown(FIRST, SECOND).values("id")


def test_less_is_better_for_critical_patches_and_worse_for_compliant_machines():
    assert Trend((FIRST, SECOND)).changes == [
        Change("Machines", 10, 12, ""),
        Change("Compliant machines", 4, 6, "sure"),
        Change("Critical patches", 7, 3, "sure"),
    ]
    assert [change.tone for change in Trend((SECOND, FIRST)).changes] == ["", "bad", "bad"]


points = st.builds(
    TrendPoint,
    st.just("20261121T210611Z-000000"),
    st.integers(0, 2**42),
    machines=st.integers(0, 10**6),
    compliant=st.integers(0, 10**6),
    critical=st.integers(0, 10**7),
)


@given(st.lists(points, max_size=5))
def test_every_point_of_a_drawing_is_inside_it(drawn):
    drawn = [structs.replace(each, compliant=min(each.compliant, each.machines)) for each in drawn]
    drawn.sort(key=lambda each: each.finished_at)

    for line in Trend(drawn).lines:
        assert len(line.points) == len(drawn)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line.points)


def test_the_drawing_is_described_to_those_who_do_not_see_it():
    report = structs.replace(full(), wanted=Wanted(trend=Trend((FIRST, SECOND))))
    elements = Page(page(report, ".")).elements

    drawings = [attributes for tag, attributes in elements if tag == "svg"]
    assert [each["aria-label"] for each in drawings] == ["Compliant machines: 40 % to 50 %", "Critical patches: 7 to 3"]
    assert {each["role"] for each in drawings} == {"img"}
