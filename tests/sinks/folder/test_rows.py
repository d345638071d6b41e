"""Rows as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.column import FLAG, TIME
from scanner.core.safe_text import terminal_json
from scanner.sinks.folder.rows import RowEncoder

pytestmark = pytest.mark.slow

SCHEMA = pa.schema(
    [("text", pa.string()), ("number", pa.int64()), ("time", TIME), ("list", pa.list_(pa.string())), ("flag", FLAG)]
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.integers(-62_135_596_800_000, 253_370_764_800_000).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | st.text(),
            "number": st.none() | st.integers(-(2**63), 2**63 - 1),
            "time": st.none() | TIMES,
            "list": st.none() | st.lists(st.none() | st.text()),
            "flag": st.none() | st.booleans(),
        }
    )
)


def lines_of(table, name="t", *, name_first=False):
    return b"".join(RowEncoder(name, SCHEMA, name_first=name_first).lines(table))


def as_json(row):
    time = row["time"] and row["time"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {name: time if name == "time" else row[name] for name in SCHEMA.names}


@given(ROWS, st.integers(1, 5))
def test_every_row_is_a_line_of_json_that_says_the_same(rows, chunk):
    whole = pa.Table.from_pylist(rows, SCHEMA)
    table = pa.concat_tables([whole.slice(start, chunk) for start in range(0, len(rows), chunk)] or [whole])
    lines = lines_of(table).split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == [as_json(row) for row in rows]


@given(ROWS)
def test_the_bytes_are_those_of_the_reference_encoder_but_for_what_a_terminal_obeys(rows):
    lines = lines_of(pa.Table.from_pylist(rows, SCHEMA))
    expected = "".join(msgspec.json.encode(as_json(row)).decode() + "\n" for row in rows)
    assert lines.decode() == "\n".join(map(terminal_json, expected.split("\n")))


def test_slices_of_one_array_are_encoded_as_what_they_are():
    table = pa.Table.from_pylist([{"text": "a", "list": ["x", "y"]}, {"list": None}, {"list": ["z", None]}], SCHEMA)
    lines = [lines_of(table.slice(row, 1)) for row in range(3)]
    assert b"".join(lines) == lines_of(table)
    assert [json.loads(line)["list"] for line in lines] == [["x", "y"], None, ["z", None]]


def test_the_table_stands_first_where_it_is_wanted():
    table = pa.Table.from_pylist([{"text": "x"}], SCHEMA)
    assert lines_of(name="nodes", name_first=True, table=table) == (
        b'{"table":"nodes","text":"x","number":null,"time":null,"list":null,"flag":null}\n'
    )


@given(ROWS, st.integers(0, 3))
def test_texts_that_come_once_with_their_places_are_written_as_texts(rows, skipped):
    plain = pa.Table.from_pylist(rows, SCHEMA)
    distinct = pa.array([*dict.fromkeys(row["text"] for row in rows if row["text"] is not None), "unused", None])
    places = pc.index_in(plain["text"].combine_chunks(), distinct.slice(0, len(distinct) - 1))
    no_text = pa.array([None if row % 2 else len(distinct) - 1 for row in range(len(rows))], pa.int32())
    coded = plain.set_column(
        0, "text", pa.DictionaryArray.from_arrays(pc.if_else(places.is_null(), no_text, places), distinct)
    )
    assert lines_of(coded.slice(skipped)) == lines_of(plain.slice(skipped))


def test_rows_that_are_more_than_are_joined_at_once_are_all_there_in_their_order():
    rows = [
        {"text": f"t{row % 70}", "number": row % 90, "time": None, "list": ["x"] * (row % 3 + 1), "flag": row % 2 == 0}
        for row in range(20_000)
    ]
    lines = lines_of(pa.Table.from_pylist(rows, SCHEMA)).splitlines()
    assert list(map(json.loads, lines)) == rows
