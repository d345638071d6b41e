"""The answer to a query as text: an aligned table for the eye, JSON or CSV for the next program."""

from __future__ import annotations

import csv
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from datetime import UTC, date, datetime, time
from io import StringIO
from typing import Literal
from unicodedata import combining, east_asian_width

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.safe_text import safe_cell, terminal_text

Format = Literal["table", "json", "csv"]

_CELL_WIDTH = 60
_JSON = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


async def rendered(
    schema: pa.Schema, batches: AsyncIterable[pa.RecordBatch], form: Format
) -> AsyncGenerator[str, None]:
    """The answer as pieces of text; a table comes as one piece, when its column widths are known."""
    if form == "csv":
        yield csv_text([schema.names])
        async for batch in batches:
            yield csv_text(rows_of(batch))
    elif form == "json":
        before = "["
        async for batch in batches:
            for text in json_rows(batch):
                yield f"{before}\n{text}"
                before = ","
        yield "[]\n" if before == "[" else "\n]\n"
    else:
        lines = [row async for batch in batches for row in rows_of(batch)]
        yield table_text(schema, lines)


def rows_of(batch: pa.RecordBatch) -> list[tuple[object, ...]]:
    """The rows as Python values; times with a zone are UTC datetimes, whatever zones this machine knows."""
    if not batch.num_columns:
        return []
    return list(zip(*(_values(column) for column in batch.columns), strict=True))


def _values(column: pa.Array) -> list[object]:
    if not pa.types.is_timestamp(column.type):
        values: list[object] = column.to_pylist()
        return values
    zone = UTC if column.type.tz else None
    naive: list[datetime | None] = pc.cast(column, pa.timestamp("us"), safe=False).to_pylist()
    return [value and value.replace(tzinfo=zone) for value in naive]


def json_rows(batch: pa.RecordBatch) -> list[str]:
    """One JSON object a row, keyed by column."""
    names = batch.schema.names
    return [_JSON.encode(dict(zip(names, row, strict=True))).decode() for row in rows_of(batch)]


def csv_text(rows: Sequence[Sequence[object]]) -> str:
    """The rows as CSV lines in which no text is a formula; null is an empty cell."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell_text(cell) for cell in row] for row in rows)
    return text.getvalue()


def cell_text(value: object) -> str:
    """A value as one cell: ISO 8601 times, JSON for what is nested, nothing for null."""
    match value:
        case None:
            return ""
        case str():
            return value
        case datetime() if value.tzinfo:
            return value.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case _:
            return _JSON.encode(value).decode().strip('"')


def table_text(schema: pa.Schema, rows: Sequence[Sequence[object]]) -> str:
    """The rows under their column names, aligned, numbers to the right, long cells cut."""
    cells = [[_cut(terminal_text(cell_text(value))) for value in row] for row in rows]
    head = [_cut(terminal_text(name)) for name in schema.names]
    widths = [max(map(_width, column)) for column in zip(head, *cells, strict=True)]
    right = [_is_number(field.type) for field in schema]
    lines = [head, ["-" * width for width in widths], *cells]
    return "".join(f"{_line(line, widths, right)}\n" for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, to_the_right in zip(cells, widths, right, strict=True):
        gap = " " * (width - _width(cell))
        padded.append(gap + cell if to_the_right else cell + gap)
    return "  ".join(padded).rstrip()


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cut(text: str) -> str:
    return text if len(text) <= _CELL_WIDTH else f"{text[: _CELL_WIDTH - 1]}…"


def _width(text: str) -> int:
    """The columns a terminal gives to the text."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
