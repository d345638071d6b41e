"""Columns of a table as text, each distinct value once.

Titles, states and times repeat over the nodes of a fleet, so each distinct value is encoded once, and a row has its
number.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.column import TIME

_ZERO, _ONE = (pa.scalar(number, pa.int32()) for number in (0, 1))
_T_AT = len("2026-11-26")  # where RFC 3339 has a T, and Arrow a blank


class CodedColumn(Struct, frozen=True):
    """A column's distinct values as text, and for each row which of them it has; there are no nulls."""

    codes: pa.Int32Array
    texts: pa.StringArray


class ValueForm(Struct, frozen=True):
    """How values are written. What encodes texts gets distinct ones, none of them null."""

    #: Encodes what stands between two quotes.
    text: Callable[[pa.StringArray], pa.StringArray]
    quote: str
    #: Encodes the values of lists, which are then joined with `separator` between them.
    item: Callable[[pa.StringArray], pa.StringArray]
    separator: str
    #: Encodes joined lists, which then stand between `opening` and `closing`.
    joined_list: Callable[[pa.StringArray], pa.StringArray]
    opening: str
    closing: str
    null: str


class Surroundings(Struct, frozen=True):
    """What stands before each value of a column and after it."""

    before: str = ""
    after: str = ""

    def around(self, texts: pa.StringArray, opening: str = "", closing: str = "") -> pa.StringArray:
        """Returns the texts with all that stands around them; joined once, since that costs as much as encoding."""
        return pc.binary_join_element_wise(self.before + opening, texts, closing + self.after, "")


def coded_column(column: pa.Array, form: ValueForm, place: Surroundings) -> CodedColumn:
    """Returns the column's values as the form writes them, times in RFC 3339, always in UTC and with milliseconds."""
    if column.null_count == len(column):
        return _with_null(pa.nulls(len(column), pa.int32()), pa.array([], pa.string()), form, place)
    if pa.types.is_list(column.type):
        return _coded_lists(column, form, place)
    codes, distinct = _coded(column)
    if pa.types.is_string(distinct.type):
        texts = place.around(form.text(distinct), form.quote, form.quote)
    elif distinct.type == TIME:
        texts = place.around(form.text(_time_texts(distinct)), form.quote, f"Z{form.quote}")
    else:
        texts = place.around(distinct.cast(pa.string()))
    return _with_null(codes, texts, form, place)


def _coded(column: pa.Array) -> tuple[pa.Int32Array, pa.Array]:
    """Returns for each row the number of its value, null where there is none, and the values, none of them null."""
    if not pa.types.is_dictionary(column.type):
        coded = column.dictionary_encode()
    elif len(column.dictionary) > len(column) or column.dictionary.null_count:
        coded = column.cast(column.type.value_type).dictionary_encode()
    else:
        coded = column
    return coded.indices.cast(pa.int32()), coded.dictionary


def _with_null(codes: pa.Array, texts: pa.StringArray, form: ValueForm, place: Surroundings) -> CodedColumn:
    """Returns the codes with the text of null for rows without a code."""
    if codes.null_count:
        codes = pc.fill_null(codes, pa.scalar(len(texts), pa.int32()))
        texts = pa.concat_arrays([texts, place.around(pa.array([form.null], pa.string()))])
    return CodedColumn(codes, texts)


def _time_texts(times: pa.TimestampArray) -> pa.StringArray:
    """Returns times in RFC 3339, but for the Z at the end."""
    # Without its zone, which is UTC, a time becomes text in a twentieth of the time; in bytes the T takes a quarter.
    texts = times.cast(pa.timestamp("ms")).cast(pa.string()).view(pa.binary())
    return pc.binary_replace_slice(texts, _T_AT, _T_AT + 1, b"T").view(pa.string())


def _coded_lists(lists: pa.ListArray, form: ValueForm, place: Surroundings) -> CodedColumn:
    """Encodes the lists that have values; most have none, since AWS names CVEs for missing patches alone."""
    lengths = pc.list_value_length(lists)
    is_filled = pc.fill_null(pc.greater(lengths, 0), False)
    texts, codes = pa.array([""], pa.string()), pa.repeat(_ZERO, len(lists))
    if is_filled.true_count:
        # `flatten` leaves out the values of other slices of the same array, so the offsets are counted again.
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths.filter(is_filled))])
        codes_of_items, distinct = _coded(lists.flatten())
        items = _with_null(codes_of_items, form.item(distinct), form, Surroundings())
        values = pa.ListArray.from_arrays(offsets, items.texts.take(items.codes))
        joined = pc.binary_join(values, form.separator).dictionary_encode()
        codes = pc.replace_with_mask(codes, is_filled, pc.add(joined.indices, _ONE))
        texts = pa.concat_arrays([texts, form.joined_list(joined.dictionary)])
    if lists.null_count:
        codes = pc.if_else(lists.is_null(), None, codes)
    return _with_null(codes, place.around(texts, form.opening, form.closing), form, place)


def content(texts: pa.StringArray) -> bytes:
    """Returns the texts one after the other, and maybe others of the array that this is a slice of."""
    _, _, buffer = texts.buffers()
    return b"" if buffer is None else buffer.to_pybytes()
