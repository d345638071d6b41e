"""Columns of a table as text, each distinct value once.

Titles, states and times repeat over the nodes of a fleet, so each distinct value is encoded once, and a row has its
number.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct, structs

from scanner.core.column import TIME

_ZERO, _ONE = (pa.scalar(number, pa.int32()) for number in (0, 1))


class CodedColumn(Struct, frozen=True):
    """A column's distinct values as text, and for each row which of them it has; there are no nulls."""

    codes: pa.Int32Array
    texts: pa.StringArray


class ValueForm(Struct, frozen=True):
    """How values are written. `text` and `joined_list` encode distinct values, none of them null."""

    text: Callable[[pa.StringArray], pa.StringArray]
    #: What lists become whose values are encoded by `item`, with `separator` between them.
    joined_list: Callable[[pa.StringArray], pa.StringArray]
    item: Callable[[pa.StringArray], pa.StringArray]
    separator: str
    null: str


def coded_column(column: pa.Array, form: ValueForm) -> CodedColumn:
    """Returns the column's values as the form writes them, times in RFC 3339, always in UTC and with milliseconds."""
    if pa.types.is_list(column.type):
        return _coded_lists(column, form)
    if pa.types.is_dictionary(column.type) and len(column.dictionary) > len(column):
        column = column.cast(column.type.value_type)
    is_coded = pa.types.is_dictionary(column.type)
    coded = column if is_coded else pc.dictionary_encode(column, null_encoding="encode")
    codes, distinct = coded.indices.cast(pa.int32()), coded.dictionary
    if distinct.type == TIME:
        texts = form.text(_time_texts(distinct.drop_null()))
    elif distinct.type == pa.string():
        texts = form.text(distinct.drop_null())
    else:
        texts = distinct.drop_null().cast(pa.string())
    return _with_nulls(codes, distinct, texts, form.null)


def _with_nulls(codes: pa.Array, distinct: pa.Array, texts: pa.StringArray, null: str) -> CodedColumn:
    """Returns the codes with the text of null for rows without a code and for those whose value is null."""
    if distinct.null_count:
        is_valid = distinct.is_valid()
        codes = pc.if_else(is_valid, _places(is_valid), None).take(codes)
    if codes.null_count:
        codes = pc.fill_null(codes, len(texts))
        texts = pa.concat_arrays([texts, pa.array([null], pa.string())])
    return CodedColumn(codes, texts)


def _time_texts(times: pa.TimestampArray) -> pa.StringArray:
    # Without its zone, which is UTC, a time becomes text in a twentieth of the time.
    texts = times.cast(pa.timestamp("ms")).cast(pa.string())
    return pc.binary_join_element_wise(pc.utf8_replace_slice(texts, 10, 11, "T"), "Z", "")


def _coded_lists(lists: pa.ListArray, form: ValueForm) -> CodedColumn:
    """Encodes the lists that have values; most have none, since AWS names CVEs for missing patches alone."""
    is_filled = pc.fill_null(pc.greater(pc.list_value_length(lists), 0), False)
    if not is_filled.true_count:
        texts = form.joined_list(pa.array([""], pa.string()))
        return _with_nulls(pc.if_else(lists.is_null(), None, _ZERO), texts, texts, form.null)
    filled = lists.filter(is_filled)
    # `flatten` leaves out the values of other slices of the same array, so the offsets are counted again.
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(pc.list_value_length(filled))])
    items = coded_column(filled.flatten(), structs.replace(form, text=form.item))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items.texts.take(items.codes)), form.separator)
    coded = joined.dictionary_encode()
    texts = form.joined_list(pa.concat_arrays([pa.array([""], pa.string()), coded.dictionary]))
    codes = pc.add(coded.indices.take(pc.if_else(is_filled, _places(is_filled), None)), _ONE)
    codes = pc.if_else(lists.is_null(), None, pc.if_else(is_filled, codes, _ZERO))
    return _with_nulls(codes, texts, texts, form.null)


def _places(is_taken: pa.BooleanArray) -> pa.Int32Array:
    """Returns for each value that is taken its place among those that are."""
    return pc.subtract(pc.cumulative_sum(is_taken.cast(pa.int32())), _ONE)


def content(texts: pa.StringArray) -> bytes:
    """Returns the texts one after the other, and maybe others of the array that this is a slice of."""
    _, _, buffer = texts.buffers()
    return b"" if buffer is None else buffer.to_pybytes()
