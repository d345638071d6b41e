"""Arrow tables as rows: the one encoder behind every JSON Lines output.

A row is a JSON object in the order of the table's columns; a time is RFC 3339 in UTC and always has milliseconds
(`2026-11-23T21:00:00.000Z`), so that times sort as text; a list is an array and a missing value is null. Control and
invisible characters are written as JSON's escapes: the same data, and a terminal shows it instead of obeying it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.safe_text import terminal_json
from scanner.sinks.folder.coded_columns import ValueForm, content
from scanner.sinks.folder.lines import table_lines

_JSON = msgspec.json.Encoder()
#: The characters that stand in JSON as they are: of ASCII all that are shown, but for the quote and the backslash.
_PLAIN = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))


class RowEncoder:
    """Encodes the rows of one table; with `name_first` each begins with `"table": name`."""

    def __init__(self, name: str, schema: pa.Schema, *, name_first: bool) -> None:
        self._columns = schema.names
        keys = [_json_text(column) for column in self._columns]
        #: What stands before the value of each column.
        self._before = [f"{',' if at else '{'}{key}:" for at, key in enumerate(keys)]
        if name_first:
            self._before[0] = f'{{"table":{_json_text(name)},{keys[0]}:'

    def lines(self, table: pa.Table) -> Iterator[pa.Buffer]:
        """Yields the rows, a line each, every line ended; many at a time."""
        return table_lines(table.select(self._columns), _FORM, self._before, "}\n")


def _json_text(text: str) -> str:
    return terminal_json(_JSON.encode(text).decode())


def _json_texts(texts: pa.StringArray) -> pa.StringArray:
    if not content(texts).translate(None, _PLAIN):
        return pc.binary_join_element_wise('"', texts, '"', "")
    return pa.array(map(_json_text, texts.to_pylist()), pa.string())


_FORM = ValueForm(
    text=_json_texts,
    joined_list=lambda joined: pc.binary_join_element_wise("[", joined, "]", ""),
    item=_json_texts,
    separator=",",
    null="null",
)
