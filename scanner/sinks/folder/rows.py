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
from scanner.sinks.folder.coded_columns import Surroundings, ValueForm, content
from scanner.sinks.folder.lines import table_lines

_JSON = msgspec.json.Encoder()
_QUOTE = '"'
#: The characters that stand in JSON as they are: of ASCII all that are shown, but for the quote and the backslash.
_PLAIN = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))


class RowEncoder:
    """Encodes the rows of one table; with `name_first` each begins with `"table": name`."""

    def __init__(self, name: str, schema: pa.Schema, *, name_first: bool) -> None:
        self._columns = schema.names
        keys = [_json_text(column) for column in self._columns]
        before = [f"{',' if at else '{'}{key}:" for at, key in enumerate(keys)]
        if name_first:
            before[0] = f'{{"table":{_json_text(name)},{keys[0]}:'
        after = [*[""] * (len(keys) - 1), "}\n"]
        self._places = list(map(Surroundings, before, after))

    def lines(self, table: pa.Table) -> Iterator[pa.Buffer]:
        """Yields the rows, a line each, every line ended; many at a time."""
        return table_lines(table.select(self._columns), _FORM, self._places)


def _json_text(text: str) -> str:
    return terminal_json(_JSON.encode(text).decode())


def _json_texts(texts: pa.StringArray) -> pa.StringArray:
    if not content(texts).translate(None, _PLAIN):
        return texts
    return pa.array((_json_text(text)[1:-1] for text in texts.to_pylist()), pa.string())


def _quoted(texts: pa.StringArray) -> pa.StringArray:
    return pc.binary_join_element_wise(_QUOTE, _json_texts(texts), _QUOTE, "")


_FORM = ValueForm(
    text=_json_texts,
    quote=_QUOTE,
    item=_quoted,
    separator=",",
    joined_list=lambda joined: joined,
    opening="[",
    closing="]",
    null="null",
)
