"""A table of more rows than give its widths: every row is there, and it is the same text as in one piece."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.reports.sql.long_table import HEAD_ROWS
from scanner.reports.sql.render import rendered, rows_of, table_text
from tests.examples import costly

COLUMNS = {
    "text": st.none() | st.text(max_size=8),
    "number": st.none() | st.integers(-(2**40), 2**40),
    "flag": st.none() | st.booleans(),
    "list": st.none() | st.lists(st.text(max_size=3), max_size=2),
}
TYPES = {"text": pa.string(), "number": pa.int64(), "flag": pa.bool_(), "list": pa.list_(pa.string())}
SCHEMA = pa.schema(list(TYPES.items()))


async def batched(table, size):
    for batch in table.to_batches(max_chunksize=size):
        yield batch


async def printed(table, size):
    return "".join([piece async for piece in rendered(table.schema, batched(table, size), "table")])


@costly(10)
@given(st.lists(st.fixed_dictionaries(COLUMNS), max_size=20), st.integers(1, 7))
async def test_rows_behind_the_first_are_printed_as_the_first_are(rows, size):
    # The widest values come first, so that the widths are those of all rows.
    widest = [{"text": "w" * 70, "number": -(2**41), "flag": False, "list": ["w" * 70]}] * HEAD_ROWS
    table = pa.Table.from_pylist([*widest, *rows], SCHEMA)
    whole = table_text(SCHEMA, [row for batch in table.to_batches() for row in rows_of(batch)])
    assert await printed(table, HEAD_ROWS if size == 1 else size * 100) == whole


async def test_a_longer_cell_behind_the_first_rows_is_whole_and_moves_the_rest():
    table = pa.table({"id": ["i"] * HEAD_ROWS + ["i-0123456789"], "n": list(range(HEAD_ROWS + 1))})
    *_, before, last = (await printed(table, HEAD_ROWS)).splitlines()
    assert (before, last) == ("i   999", "i-0123456789  1000")


@pytest.mark.parametrize("rows", [0, 1, HEAD_ROWS - 1, HEAD_ROWS, HEAD_ROWS + 1, 3 * HEAD_ROWS])
async def test_no_row_is_missing_whatever_their_number(rows):
    table = pa.table({"n": pa.array(range(rows), pa.int64())})
    lines = (await printed(table, 300)).splitlines()
    assert [int(line) for line in lines[2:]] == list(range(rows))
