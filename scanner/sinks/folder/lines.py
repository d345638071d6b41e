"""Rows of text joined from coded columns, without a Python object for any row.

A million rows of patches cost 0.6 CPU s as JSON. They took 1.4 while each column of each row was joined by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod

import pyarrow as pa
import pyarrow.compute as pc

from scanner.sinks.folder.coded_columns import CodedColumn, ValueForm, coded_column

#: Bounds the memory for the distinct values.
_ROWS_CODED_AT_ONCE = 65_536
#: Lines that are joined at once: 1 MB, which stays in the processor's cache and reuses memory. Eight times as many take
#: twice the page faults and a fifth more CPU.
_ROWS_AT_ONCE = 2_048
#: Neighbouring columns are joined value by value, not row by row, while they have at most so many combinations.
_MAX_COMBINATIONS = 4_096
_NUMBERS = pa.array(range(_MAX_COMBINATIONS), pa.int32())


def table_lines(table: pa.Table, form: ValueForm, before: Sequence[str], end: str) -> Iterator[pa.Buffer]:
    """Yields the rows as lines, many at a time: for each column the text that stands before it, and its value."""
    for batch in table.to_batches(max_chunksize=_ROWS_CODED_AT_ONCE):
        if batch.num_rows:
            yield from _lines([coded_column(column, form) for column in batch.columns], before, end)


def _lines(columns: Sequence[CodedColumn], before: Sequence[str], end: str) -> Iterator[pa.Buffer]:
    joined = [_joined(group) for group in _groups(zip(before, columns, strict=True))]
    for start in range(0, len(columns[0].codes), _ROWS_AT_ONCE):
        parts = [column.texts.take(column.codes.slice(start, _ROWS_AT_ONCE)) for column in joined]
        # The texts of an Arrow array stand one after the other in one buffer: that buffer is the file's content.
        yield pc.binary_join_element_wise(*parts, end, "").buffers()[2]


_Preceded = tuple[str, CodedColumn]


def _groups(columns: Iterable[_Preceded]) -> Iterator[list[_Preceded]]:
    """Yields neighbouring columns of which few combinations of values are possible, or a single one of many values."""
    group: list[_Preceded] = []
    combinations = 1
    for before, column in columns:
        combinations *= len(column.texts)
        if group and combinations > _MAX_COMBINATIONS:
            yield group
            group, combinations = [], len(column.texts)
        group.append((before, column))
    yield group


def _joined(columns: Sequence[_Preceded]) -> CodedColumn:
    """Returns every combination of the columns' values, each after its text, and for each row which of them it has."""
    if len(columns) == 1:
        ((before, column),) = columns
        return CodedColumn(column.codes, pc.binary_join_element_wise(before, column.texts, ""))
    rest = _NUMBERS.slice(0, prod(len(column.texts) for _, column in columns))
    places: list[pa.Int32Array] = []
    for _, column in reversed(columns):
        quotient = _divided(rest, len(column.texts))
        places.append(pc.subtract(rest, _multiplied(quotient, len(column.texts))))
        rest = quotient
    texts = [
        part
        for (before, column), place in zip(columns, reversed(places), strict=True)
        for part in (before, column.texts.take(place))
    ]
    codes = columns[0][1].codes
    for _, column in columns[1:]:
        if len(column.texts) > 1:
            codes = pc.add(_multiplied(codes, len(column.texts)), column.codes)
    return CodedColumn(codes, pc.binary_join_element_wise(*texts, ""))


def _multiplied(numbers: pa.Int32Array, by: int) -> pa.Int32Array:
    return pc.multiply(numbers, pa.scalar(by, pa.int32()))


def _divided(numbers: pa.Int32Array, by: int) -> pa.Int32Array:
    return pc.divide(numbers, pa.scalar(by, pa.int32()))
