"""`csv:DIR`: a CSV file a table (RFC 4180), safe to open in a spreadsheet or to print on a terminal.

A missing value is an empty cell and a list is its values with a space between. A text that a spreadsheet would take for
a formula gets a leading apostrophe; a control character is written as an escape, so that a row is always one line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.interfaces import Sink
from scanner.core.safe_text import safe_cell, terminal_text
from scanner.sinks.context import SinkContext
from scanner.sinks.folder.folder import FolderSink, TextForm
from scanner.sinks.folder.rows import column_values
from scanner.sinks.path_checks import checked_folder


def csv_sink(where: str, context: SinkContext) -> Sink:  # noqa: ARG001  # the call every factory answers
    """The folder, or `ConfigError` for one that cannot be used."""
    return FolderSink(checked_folder(where, f"csv:{where}"), CSV)


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _encoder(_: str, schema: pa.Schema) -> Callable[[pa.Table], bytes]:
    def encode(table: pa.Table) -> bytes:
        return _lines(list(zip(*(_cells(table.column(name)) for name in schema.names), strict=True)))

    return encode


def _cells(column: pa.ChunkedArray) -> Sequence[object]:
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, " ")
    if column.type != pa.string():
        return column_values(column)
    # Titles and states repeat over the nodes: each is made safe once.
    coded = column.combine_chunks().dictionary_encode()
    texts = [terminal_text(safe_cell(text)) for text in coded.dictionary.to_pylist()]
    return [None if index is None else texts[index] for index in coded.indices.to_pylist()]


CSV = TextForm(suffix=".csv", head=lambda schema: _lines([schema.names]), encoder=_encoder)
