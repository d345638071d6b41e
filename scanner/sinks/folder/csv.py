"""`csv:DIR`: a CSV file for each table, in UTF-8 (RFC 4180), safe to open in a spreadsheet.

A missing value is an empty cell, and a list is its values with a space between. A text that a spreadsheet would take
for a formula gets a leading apostrophe; nothing else of the data is changed.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.csv_text import LINE_END, are_cells, csv_cell, csv_line
from scanner.core.interfaces import Sink
from scanner.sinks.context import SinkContext
from scanner.sinks.folder.coded_columns import Surroundings, ValueForm, content
from scanner.sinks.folder.folder import FolderSink, TextForm
from scanner.sinks.folder.lines import table_lines
from scanner.sinks.path_checks import checked_folder
from scanner.sinks.spec import split_flags


def csv_sink(where: str, context: SinkContext) -> Sink:  # noqa: ARG001 - every factory has this signature
    """Returns the sink, or raises `ConfigError` for a folder that cannot be used or an option that there is not."""
    label = f"csv:{where}"
    folder, flags = split_flags(where, label, ["bom"])
    form = CSV_FOR_EXCEL if flags["bom"] else CSV
    return FolderSink(checked_folder(folder, label, form.files.values()), form)


def _head(schema: pa.Schema) -> bytes:
    return csv_line(schema.names).encode()


def _encoder(_: str, schema: pa.Schema) -> Callable[[pa.Table], Iterator[pa.Buffer]]:
    last = len(schema) - 1
    places = [Surroundings("," if at else "", "" if at < last else LINE_END) for at in range(len(schema))]
    return lambda table: table_lines(table, _FORM, places)


def _cells(texts: pa.StringArray) -> pa.StringArray:
    starts = pc.utf8_slice_codeunits(texts, 0, 1).unique().to_pylist()
    if are_cells(starts, content(texts)):
        return texts
    return pa.array(map(csv_cell, texts.to_pylist()), pa.string())


_FORM = ValueForm(
    text=_cells,
    quote="",
    item=lambda texts: texts,
    separator=" ",
    joined_list=_cells,
    opening="",
    closing="",
    null="",
)
CSV = TextForm(suffix=".csv", head=_head, encoder=_encoder)
#: Excel takes a CSV file for one in the code page of the machine, unless it begins with a byte order mark.
CSV_FOR_EXCEL = TextForm(suffix=".csv", head=lambda schema: codecs.BOM_UTF8 + _head(schema), encoder=_encoder)
