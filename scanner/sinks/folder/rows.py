"""Arrow tables as rows: the one encoder behind every JSON Lines output.

A row is a JSON object in the order of the table's columns; a time is RFC 3339 in UTC and always has milliseconds
(`2026-11-23T21:00:00.000Z`), so that times sort as text; a list is an array and a missing value is null.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.column import TIME

_JSON = msgspec.json.Encoder()


class RowEncoder:
    """Encodes the rows of one table; with `name_first` each begins with `"table": name`."""

    def __init__(self, name: str, schema: pa.Schema, *, name_first: bool) -> None:
        # A tagged struct writes its tag first, and a struct is the fastest thing msgspec can encode.
        self._row = msgspec.defstruct(
            name,
            [(column, object) for column in schema.names],
            tag=name if name_first else None,
            tag_field="table" if name_first else None,
            gc=False,
            frozen=True,
        )
        self._columns = schema.names

    def lines(self, table: pa.Table) -> bytes:
        """The rows, a line each, every line ended."""
        columns = [column_values(table.column(name)) for name in self._columns]
        return _JSON.encode_lines(list(map(self._row, *columns)))


def column_values(column: pa.ChunkedArray) -> Sequence[object]:
    """The values of a column as Python has them, times as text."""
    return column.to_pylist() if column.type != TIME else _time_texts(column)


def _time_texts(column: pa.ChunkedArray) -> list[str | None]:
    # The patches of a node were installed at a few moments: each is written out once.
    coded = column.combine_chunks().dictionary_encode()
    texts = pc.utf8_replace_slice(coded.dictionary.cast(pa.string()), 10, 11, "T").to_pylist()
    return [None if index is None else texts[index] for index in coded.indices.to_pylist()]
