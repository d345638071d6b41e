"""Arrow tables as rows: the one encoder behind every JSON Lines output.

A row is a JSON object in the order of the table's columns; a time is RFC 3339 in UTC and always has milliseconds
(`2026-11-23T21:00:00.000Z`), so that times sort as text; a list is an array and a missing value is null. Control and
invisible characters are written as JSON's escapes: the same data, and a terminal shows it instead of obeying it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.column import TIME
from scanner.core.safe_text import terminal_json
from scanner.sinks.folder.encoded_columns import encoded_once, list_texts, number_texts, text_lines, time_texts

_JSON = msgspec.json.Encoder()
_NULL = "null"


class RowEncoder:
    """Encodes the rows of one table; with `name_first` each begins with `"table": name`."""

    def __init__(self, name: str, schema: pa.Schema, *, name_first: bool) -> None:
        self._columns = schema.names
        keys = [_json_text(column) for column in self._columns]
        #: What stands before the value of each column.
        self._before = [f"{',' if at else '{'}{key}:" for at, key in enumerate(keys)]
        if name_first:
            self._before[0] = f'{{"table":{_json_text(name)},{keys[0]}:'

    def lines(self, table: pa.Table) -> bytes:
        """Returns the rows, a line each, every line ended."""
        return text_lines(table.select(self._columns), self._texts, "")

    def _texts(self, batch: pa.RecordBatch) -> Sequence[pa.Array | str]:
        pairs = zip(self._before, map(_values, batch.columns), strict=True)
        return [*(part for pair in pairs for part in pair), "}\n"]


def _json_text(text: str) -> str:
    return terminal_json(_JSON.encode(text).decode())


def _values(column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        joined = list_texts(column, _json_text, _NULL, ",")
        return pc.fill_null(pc.binary_join_element_wise("[", joined, "]", ""), _NULL)
    if column.type == TIME:
        return time_texts(column, _json_text, _NULL)
    if column.type == pa.string():
        return encoded_once(column, _json_text, _NULL)
    return number_texts(column, _NULL)
