"""What PostgreSQL reads out of the rows is what was in the table, for any text."""

from __future__ import annotations

import psycopg
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanner.core.column import FLAG, TIME
from scanner.core.repeated import coded
from scanner.sinks.postgresql.binary_rows import NUL_STAND_IN, binary_rows

pytestmark = pytest.mark.slow

SCHEMA = pa.schema(
    [
        ("first", pa.string()),
        ("number", pa.int64()),
        ("time", TIME),
        ("list", pa.list_(pa.string())),
        ("flag", FLAG),
        ("n", pa.int64()),
    ]
)
AWKWARD = [
    "",
    " ",
    "\\.",
    "\\N",
    "NULL",
    '"',
    '""',
    "a\n\\.\nb",
    "\r\n",
    "\t,;|",
    "{x}",
    "\\",
    '\\"',
    "\0",
    "更新 🛡",
    "'",
]
TEXTS = st.text() | st.text(st.sampled_from('\\"{},\n\r\t\0.N a')) | st.sampled_from(AWKWARD)
ROWS = st.tuples(
    st.none() | TEXTS,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-62_135_596_800_000, 253_402_300_799_999),
    st.none() | st.lists(st.none() | TEXTS, max_size=4),
    st.none() | st.booleans(),
)
COLUMNS = "first text, number bigint, time timestamptz, list text[], flag boolean, n bigint"


@pytest.fixture(scope="module")
def connection(postgresql):
    with psycopg.connect(postgresql.url("postgres"), options="-c timezone=Asia/Tokyo") as connection:
        connection.execute(f"CREATE TEMP TABLE t ({COLUMNS})")
        yield connection
        connection.rollback()


def table(rows):
    columns = list(zip(*[(*row, number) for number, row in enumerate(rows)], strict=True)) or [()] * len(SCHEMA)
    return pa.table(
        [
            pa.array(column, pa.int64()).cast(TIME) if kind == TIME else pa.array(column, kind)
            for column, kind in zip(columns, SCHEMA.types, strict=True)
        ],
        schema=SCHEMA,
    )


def read_back(connection, *tables):
    connection.execute("TRUNCATE t")
    for each in tables:
        with connection.cursor().copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(binary_rows(each))
    milliseconds = "(extract(epoch FROM time) * 1000)::bigint"
    return connection.execute(f"SELECT first, number, {milliseconds}, list, flag FROM t ORDER BY n").fetchall()


def held(text):
    return text and text.replace("\0", NUL_STAND_IN)


@given(st.lists(ROWS, max_size=6))
@example([(text, 0, 0, [text, None, text], True) for text in AWKWARD])
@example([(None, None, None, None, None), ("", 0, 0, [], False)])
def test_every_value_comes_back_and_a_nul_as_its_stand_in(connection, rows):
    wanted = [
        (held(text), number, time, texts and [held(each) for each in texts], flag)
        for text, number, time, texts, flag in rows
    ]
    assert read_back(connection, table(rows)) == wanted
    assert read_back(connection, coded(table(rows))) == wanted


def test_a_part_of_a_table_is_the_rows_of_that_part(connection):
    rows = [(f"r{number}", number, number, [f"CVE-{number}"] * (number % 3), number % 2 == 0) for number in range(20)]
    whole = pa.concat_tables([table(rows[:7]), table(rows[7:])])
    first = whole.slice(3, 4)
    assert read_back(connection, first) == rows[3:7]
    assert read_back(connection, coded(whole).slice(10, 5)) == rows[10:15]
    assert binary_rows(whole.slice(5, 10)) == binary_rows(whole.slice(5, 10).combine_chunks())
