"""Small tables are put together until they are worth the work, and no row is lost or moved."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.repeated import coded
from scanner.sinks.held_rows import HeldRows


def table(*texts):
    return pa.table({"text": pa.array(texts, pa.string())})


def texts_of(tables):
    return [(name, table.column("text").to_pylist()) for name, table in tables]


def test_a_small_table_waits_for_more_rows():
    held = HeldRows(few_rows=3)
    assert texts_of(held.add({"nodes": table("a")})) == []
    assert texts_of(held.add({"nodes": table("b", "c")})) == [("nodes", ["a", "b", "c"])]
    assert texts_of(held.rest()) == []


def test_a_large_table_does_not_wait_and_is_not_copied():
    (_, given), *more = HeldRows(few_rows=2).add({"patches": (large := table("a", "b"))})
    assert given is large
    assert more == []


def test_tables_of_one_name_wait_apart_from_those_of_another():
    held = HeldRows(few_rows=2)
    assert texts_of(held.add({"nodes": table("a"), "tags": table("b")})) == []
    assert texts_of(held.rest()) == [("nodes", ["a"]), ("tags", ["b"])]


def test_rows_that_are_stored_in_another_form_do_not_wait_with_those_before_them():
    held = HeldRows(few_rows=10)
    assert texts_of(held.add({"patches": table("a")})) == []
    assert texts_of(held.add({"patches": coded(table("b"))})) == [("patches", ["a"])]
    assert texts_of(held.rest()) == [("patches", ["b"])]


@given(st.lists(st.lists(st.text(max_size=2), max_size=4)), st.integers(1, 5), st.booleans())
def test_every_row_comes_once_and_in_its_order(parts, few_rows, is_coded):
    held = HeldRows(few_rows)
    tables = [coded(table(*part)) if is_coded else table(*part) for part in parts]
    taken = [pair for part in tables for pair in held.add({"tags": part})]
    taken += held.rest()
    assert [text for _, texts in texts_of(taken) for text in texts] == [text for part in parts for text in part]
