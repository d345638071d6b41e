"""Arrow tables as the CSV that PostgreSQL's `COPY` reads, written without a Python object for any value.

A missing value is empty and every other is in quotes, so that an empty text is not taken for a missing one.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from scanner.core.chunks import single
from scanner.core.repeated import plain

#: What takes the place of the one character that PostgreSQL's texts cannot hold.
NUL_STAND_IN = "\N{REPLACEMENT CHARACTER}"

_FORM = csv.WriteOptions(include_header=False, batch_size=65_536, quoting_style="all_valid")


def csv_lines(table: pa.Table) -> bytes:
    """Returns the rows, each a line; lists as the literals of PostgreSQL's arrays."""
    columns = [_literals(column) if pa.types.is_list(column.type) else column for column in plain(table).columns]
    stream = pa.BufferOutputStream()
    csv.write_csv(pa.table(columns, names=table.column_names), stream, _FORM)
    lines: bytes = stream.getvalue().to_pybytes()
    return lines.replace(b"\0", NUL_STAND_IN.encode())


def _literals(column: pa.ChunkedArray) -> pa.Array:
    lists = single(column)
    escaped = pc.replace_substring_regex(lists.values, r'(["\\])', r"\\\1")
    quoted = pc.fill_null(pc.binary_join_element_wise('"', escaped, '"', ""), "NULL")
    joined = pc.binary_join(pa.ListArray.from_arrays(lists.offsets, quoted), ",")
    return pc.if_else(lists.is_valid(), pc.binary_join_element_wise("{", joined, "}", ""), None)
