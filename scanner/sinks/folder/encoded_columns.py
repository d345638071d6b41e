"""Columns of a table as encoded text, and rows of text joined from them without a Python object for any row.

Titles, states and times repeat over the nodes of a fleet, so each distinct value is encoded once, in Python, and then
taken for every row in Arrow: a million rows of patches cost about half a second where a row at a time took two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.column import TIME

#: Encoded at once: bounds the memory, and keeps the lines of a batch below the 2 GiB that an Arrow array can address.
_ROWS_AT_ONCE = 65_536


def text_lines(table: pa.Table, encode: Callable[[pa.RecordBatch], Sequence[pa.Array]], separator: str) -> bytes:
    """Returns the rows as lines: the texts of `encode`'s columns, which have no nulls, with a separator between.

    The last column has to bring the line's end.
    """
    return b"".join(_joined(encode(batch), separator) for batch in _batches(table))


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    return (batch for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE) if batch.num_rows)


def _joined(columns: Sequence[pa.Array], separator: str) -> bytes:
    lines = pc.binary_join_element_wise(*columns, separator)
    # The texts of an Arrow array stand one after the other in one buffer: that buffer is the file's content.
    _, _, buffer = lines.buffers()
    content: bytes = buffer.to_pybytes()
    return content


def encoded_once(texts: pa.Array, encode: Callable[[str], str], null: str) -> pa.Array:
    """Returns what `encode` makes of each text, called once for all that are equal, and `null` where there is none."""
    coded = texts.dictionary_encode()
    distinct = pa.array([encode(text) for text in coded.dictionary.to_pylist()], pa.string())
    return _filled(distinct.take(coded.indices), null)


def number_texts(numbers: pa.Array, null: str) -> pa.Array:
    """Returns the numbers in decimal, and `null` where there is none."""
    return _filled(numbers.cast(pa.string()), null)


def time_texts(times: pa.Array, encode: Callable[[str], str], null: str) -> pa.Array:
    """Returns the times in RFC 3339, in UTC and always with milliseconds, so that they sort as text."""
    assert times.type == TIME
    coded = times.dictionary_encode()
    texts = pc.utf8_replace_slice(coded.dictionary.cast(pa.string()), 10, 11, "T")
    return _filled(encoded_once(texts, encode, null).take(coded.indices), null)


def list_texts(lists: pa.ListArray, encode: Callable[[str], str], null: str, separator: str) -> pa.Array:
    """Returns the encoded values of each list with a separator between; null where there is no list."""
    # `flatten` leaves out the values of other slices of the same array, so the offsets are counted again.
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    values = encoded_once(lists.flatten(), encode, null)
    return pc.binary_join(pa.ListArray.from_arrays(offsets, values, mask=lists.is_null()), separator)


def _filled(texts: pa.Array, null: str) -> pa.Array:
    return pc.fill_null(texts, null) if texts.null_count else texts
