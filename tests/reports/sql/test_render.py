"""Answers as text."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from scanner.reports.sql.render import rendered

TIME = datetime(2026, 11, 23, 21, 6, 11, tzinfo=UTC)
ANSWER = pa.table(
    {
        "name": pa.array(["i-1", None, "=cmd|x"]),
        "n": pa.array([1, 20, None], pa.int64()),
        "at": pa.array([TIME, None, TIME], pa.timestamp("us", "UTC")),
        "cve_ids": pa.array([["CVE-1", "CVE-2"], [], None], pa.list_(pa.string())),
    }
)


async def text_of(table: pa.Table, form: str, batch_rows: int = 2) -> str:
    async def batches():
        for batch in table.to_batches(max_chunksize=batch_rows):
            yield batch

    return "".join([piece async for piece in rendered(table.schema, batches(), form)])


async def test_a_table_is_aligned_with_numbers_to_the_right():
    assert (await text_of(ANSWER, "table")).splitlines() == [
        "name     n  at                    cve_ids",
        "------  --  --------------------  -----------------",
        'i-1      1  2026-11-23T21:06:11Z  ["CVE-1","CVE-2"]',
        "        20                        []",
        "=cmd|x      2026-11-23T21:06:11Z",
    ]


async def test_json_is_one_array_of_objects():
    assert json.loads(await text_of(ANSWER, "json", 1)) == [
        {"name": "i-1", "n": 1, "at": "2026-11-23T21:06:11Z", "cve_ids": ["CVE-1", "CVE-2"]},
        {"name": None, "n": 20, "at": None, "cve_ids": []},
        {"name": "=cmd|x", "n": None, "at": "2026-11-23T21:06:11Z", "cve_ids": None},
    ]


async def test_csv_has_no_formulas():
    assert list(csv.reader(io.StringIO(await text_of(ANSWER, "csv")))) == [
        ["name", "n", "at", "cve_ids"],
        ["i-1", "1", "2026-11-23T21:06:11Z", '["CVE-1","CVE-2"]'],
        ["", "20", "", "[]"],
        ["'=cmd|x", "", "2026-11-23T21:06:11Z", ""],
    ]


@pytest.mark.parametrize(
    ("form", "expected"), [("json", "[]"), ("csv", "name,n,at,cve_ids\n"), ("table", "name  n  at  cve_ids\n")]
)
async def test_an_empty_answer_still_says_what_it_is(form, expected):
    assert (await text_of(ANSWER.slice(0, 0), form)).startswith(expected)


async def test_a_negative_number_is_no_formula():
    assert await text_of(pa.table({"n": [-5]}), "csv") == "n\n-5\n"


async def test_control_characters_do_not_reach_the_terminal():
    text = await text_of(pa.table({"a\x1b": ["\x1b[2J\nnext"]}), "table")
    assert "\x1b" not in text
    assert text.splitlines()[2] == "\\x1b[2J\\nnext"


async def test_long_cells_are_cut_in_a_table_and_whole_elsewhere():
    table = pa.table({"title": ["x" * 500]})
    assert max(map(len, (await text_of(table, "table")).splitlines())) == 60
    assert "x" * 500 in await text_of(table, "csv")
    assert "x" * 500 in await text_of(table, "json")


async def test_wide_characters_keep_the_columns_aligned():
    lines = (await text_of(pa.table({"a": ["漢字", "ab"], "b": ["x", "y"]}), "table")).splitlines()
    assert lines[2:] == ["漢字  x", "ab    y"]


async def test_sums_are_numbers_in_json():
    table = pa.table({"sum": pa.array([Decimal(12)], pa.decimal128(38, 0)), "share": [0.5], "flag": [True]})
    assert json.loads(await text_of(table, "json")) == [{"sum": 12, "share": 0.5, "flag": True}]
    assert await text_of(table, "csv") == "sum,share,flag\n12,0.5,true\n"


async def test_any_type_duckdb_has_can_be_shown():
    table = pa.table(
        {
            "d": pa.array([TIME.date()]),
            "t": pa.array([TIME.time()]),
            "local": pa.array([TIME.replace(tzinfo=None)], pa.timestamp("us")),
            "s": pa.array([{"at": TIME, "x": 1}], pa.struct([("at", pa.timestamp("us", "UTC")), ("x", pa.int64())])),
            "m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "b": pa.array([b"\x00\xff"]),
            "i": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
            "ns": pa.array([1], pa.timestamp("ns", "UTC")),
            "nan": [float("nan")],
        }
    )
    row = json.loads(await text_of(table, "json"))[0]
    assert (row["d"], row["t"], row["local"]) == ("2026-11-23", "21:06:11", "2026-11-23T21:06:11")
    assert row["s"] == {"at": "2026-11-23T21:06:11Z", "x": 1}
    assert row["nan"] is None
    assert await text_of(table, "csv")
    assert await text_of(table, "table")


async def test_times_beyond_the_calendar_of_python_are_shown_as_text():
    with duckdb.connect() as connection:
        table = connection.sql(
            "SELECT 'infinity'::TIMESTAMP AS a, '-infinity'::DATE AS b, TIMESTAMP '12026-11-23 21:06:11' AS c, "
            "DATE '12026-02-28' AS d, 'infinity'::TIMESTAMPTZ AS e, TIMESTAMPTZ '10000-01-01 00:00:00+00' AS f, "
            "DATE '0044-03-15 (BC)' AS g, 'infinity'::DOUBLE AS h, '-infinity'::TIMESTAMP_S AS i"
        ).to_arrow_table()
    (row,) = json.loads(await text_of(table, "json"))

    assert (row["a"], row["b"], row["e"]) == ("infinity", "-infinity", "infinity")
    assert (row["c"], row["d"], row["g"]) == ("12026-11-23T21:06:11", "12026-02-28", "-43-03-15")
    assert row["f"] == "10000-01-01T00:00:00Z"
    for form in ("table", "csv"):
        assert "12026-02-28" in await text_of(table, form)


async def test_json_holds_no_character_that_a_terminal_obeys_and_the_same_data():
    text = await text_of(pa.table({"title": ["\x9b2Ja\u202eb\u200b"]}), "json")

    assert not {"\x9b", "\u202e", "\u200b"} & set(text)
    assert json.loads(text) == [{"title": "\x9b2Ja\u202eb\u200b"}]
