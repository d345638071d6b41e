"""Arrow tables in the binary form of PostgreSQL's `COPY`, written without a Python object for any value.

The server takes a third of the CPU less to read it than to read CSV, and making it takes a third of what CSV takes.
See "Binary Format" of https://www.postgresql.org/docs/current/sql-copy.html: a row is its number of fields, and each
field its number of bytes, -1 for a missing value, and the bytes. All numbers are big-endian.
"""

from __future__ import annotations

import sys
from array import array

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single

#: What takes the place of the one character that PostgreSQL's texts cannot hold.
NUL_STAND_IN = "\N{REPLACEMENT CHARACTER}"

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
_TRAILER = b"\xff\xff"
_NULL = pa.scalar(b"\xff\xff\xff\xff", pa.binary())
_EIGHT_BYTES = pa.scalar(b"\0\0\0\x08", pa.binary())
_TRUE, _FALSE = (pa.scalar(b"\0\0\0\x01" + value, pa.binary()) for value in (b"\x01", b"\x00"))
_NOTHING = pa.scalar(b"", pa.binary())
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000-01-01
_TEXT = b"\0\0\0\x19"  # the number of the type `text` in every database
_NO_FLAGS = b"\0\0\0\0"
_ONE_DIMENSION = pa.scalar(b"\0\0\0\x01" + _NO_FLAGS + _TEXT, pa.binary())
_FROM_ONE = pa.scalar(b"\0\0\0\x01", pa.binary())  # the number of an array's first element
_EMPTY_LIST = pa.scalar(b"\0\0\0\x0c" + bytes(4) + _NO_FLAGS + _TEXT, pa.binary())
_LIST_BYTES = 20  # of a list that is not empty, before its elements


def binary_rows(table: pa.Table) -> bytes:
    """Returns the rows; the table may have texts, plain or as dictionaries, lists of texts, integers, times and flags.

    The client encoding of the connection has to be UTF-8: `COPY` has no option for it in this form.
    """
    fields = [_fields(single(column)) for column in table.columns]
    if not len(table):
        return _HEADER + _TRAILER
    count = pa.scalar(len(fields).to_bytes(2, "big"), pa.binary())
    rows = pc.binary_join_element_wise(count, *fields, _NOTHING)
    return b"".join((_HEADER, _content(rows), _TRAILER))


def _fields(column: pa.Array) -> pa.Array:
    """Returns each value with its number of bytes."""
    if pa.types.is_list(column.type):
        return _lists(column)
    if pa.types.is_dictionary(column.type):
        words = pa.concat_arrays([_texts(column.dictionary), pa.array([_NULL], pa.binary())])
        return words.take(pc.fill_null(column.indices, len(words) - 1))
    if pa.types.is_boolean(column.type):
        return pc.fill_null(pc.if_else(column, _TRUE, _FALSE), _NULL)
    if pa.types.is_timestamp(column.type):
        microseconds = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        return _integers(pc.subtract(microseconds, _EPOCH_US))
    return _integers(column) if column.type == pa.int64() else _texts(column)


def _integers(column: pa.Array) -> pa.Array:
    values = _big_endian(pc.fill_null(column, 0))
    return _or_null(column, pc.binary_join_element_wise(_EIGHT_BYTES, values, _NOTHING))


def _texts(column: pa.Array) -> pa.Array:
    held = pc.replace_substring(column, "\0", NUL_STAND_IN)
    sizes = _big_endian(pc.fill_null(pc.binary_length(held), -1))
    return pc.binary_join_element_wise(sizes, pc.fill_null(held.cast(pa.binary()), b""), _NOTHING)


def _lists(column: pa.Array) -> pa.Array:
    counts = pc.fill_null(pc.list_value_length(column), 0)
    starts = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(counts)])
    elements = pc.binary_join(pa.ListArray.from_arrays(starts, _texts(column.flatten())), _NOTHING)
    sizes = _big_endian(pc.add(pc.binary_length(elements), pa.scalar(_LIST_BYTES, pa.int32())))
    parts = (sizes, _ONE_DIMENSION, _big_endian(counts), _FROM_ONE, elements)
    whole = pc.binary_join_element_wise(*parts, _NOTHING)
    return _or_null(column, pc.if_else(pc.greater(counts, 0), whole, _EMPTY_LIST))


def _or_null(column: pa.Array, fields: pa.Array) -> pa.Array:
    return pc.if_else(column.is_valid(), fields, _NULL) if column.null_count else fields


def _big_endian(integers: pa.Array) -> pa.Array:
    """Returns integers of 32 or 64 bits as that many bytes each."""
    width = integers.type.bit_width // 8
    numbers = array("i" if integers.type == pa.int32() else "q")
    if len(integers):
        numbers.frombytes(memoryview(integers.buffers()[1])[integers.offset * width :][: len(integers) * width])
    if sys.byteorder == "little":
        numbers.byteswap()
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(integers), [None, pa.py_buffer(numbers)])
    return fixed.cast(pa.binary())


def _content(rows: pa.BinaryArray) -> memoryview:
    """Returns the bytes of all values one after the other, without a copy."""
    _, ends, data = rows.buffers()
    bounds = memoryview(ends).cast("i")
    return memoryview(data)[bounds[rows.offset] : bounds[rows.offset + len(rows)]]
