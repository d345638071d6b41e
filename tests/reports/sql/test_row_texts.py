"""Cells put into words once for each distinct value, whatever the type of the column."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa

from scanner.reports.sql.render import json_rows
from scanner.reports.sql.row_texts import cell_texts, joined_rows


def test_a_text_that_repeats_is_put_into_words_once_and_null_is_a_value():
    seen = []

    def texts(values):
        seen.extend(values.to_pylist())
        return [f"<{value}>" for value in values.to_pylist()]

    cells = cell_texts(pa.array(["a", None, "b", "a", None]), texts)

    assert cells.to_pylist() == ["<a>", "<None>", "<b>", "<a>", "<None>"]
    assert seen == ["a", None, "b"]


def test_rows_are_the_objects_that_encoding_each_row_gives():
    at = datetime(2026, 11, 23, 21, 6, 11, tzinfo=UTC)
    rows = [
        {"text": "a", "n": 1, "share": 0.5, "at": at, "ids": ["x"], "flag": True},
        {"text": None, "n": None, "share": None, "at": None, "ids": None, "flag": None},
        {"text": 'quote " and \\ and \n', "n": -1, "share": -0.0, "at": at, "ids": [], "flag": False},
        {"text": "a", "n": 1, "share": 0.0, "at": at, "ids": ["x"], "flag": True},
    ]

    written = [json.loads(row) for row in json_rows(pa.RecordBatch.from_pylist(rows))]

    assert written == [{**row, "at": row["at"] and "2026-11-23T21:06:11Z"} for row in rows]


def test_of_columns_with_the_same_name_a_row_has_the_last():
    batch = pa.record_batch([pa.array([1]), pa.array(["b"])], ["a", "a"])
    assert json_rows(batch) == ['{"a":"b"}']


def test_a_batch_without_a_row_has_no_rows():
    assert (
        joined_rows([pa.array([], pa.string())], ",")
        == json_rows(pa.record_batch({"a": pa.array([], pa.int64())}))
        == []
    )
