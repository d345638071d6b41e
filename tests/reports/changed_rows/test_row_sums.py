"""Two lists of rows have the same sum where they hold the same rows, and another where they do not."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from scanner.reports.changed_rows.coded_rows import CODED
from scanner.reports.changed_rows.row_sums import COMPARED_COLUMNS, row_numbers, run_sums

TEXT = st.none() | st.sampled_from(["", "a", "b"])
ROWS = st.lists(st.tuples(TEXT, TEXT, st.sampled_from(["MISSING", "INSTALLED", "NOT_APPLICABLE", "a"])), max_size=5)


def total(rows):
    columns = [pa.array([row[place] for row in rows], pa.string()).cast(CODED) for place in range(3)]
    numbers = row_numbers(pa.table(columns, COMPARED_COLUMNS))
    return run_sums(numbers, pa.array([0, len(rows)], pa.int32())).to_pylist()


def applicable(rows):
    return sorted(repr(row) for row in rows if row[2] != "NOT_APPLICABLE")


@given(before=ROWS, after=ROWS)
@example([("a", "b", "MISSING")], [("b", "a", "MISSING")])
@example([("a", "a", "MISSING"), ("a", "b", "a")], [("a", "a", "a"), ("a", "b", "MISSING")])
@example([("a", "", "MISSING")], [("a", None, "MISSING")])
@example([("a", "b", "MISSING")], [("a", "b", "MISSING"), ("a", "b", "MISSING")])
@example([("a", "b", "MISSING")], [("a", "b", "MISSING"), ("a", "c", "NOT_APPLICABLE")])
def test_sums_are_equal_where_the_applicable_rows_are(before, after):
    assert (total(before) == total(after)) == (applicable(before) == applicable(after))


def test_each_run_has_the_sum_of_its_own_rows():
    first, second = ("a", "a", "MISSING"), ("b", "a", "MISSING")
    columns = [pa.array(texts, pa.string()).cast(CODED) for texts in zip(first, second, second, strict=True)]
    numbers = row_numbers(pa.table(columns, COMPARED_COLUMNS))

    sums = run_sums(numbers, pa.array([0, 1, 1, 3], pa.int32())).to_pylist()

    assert sums == [*total([first]), 0, *total([second, second])]
