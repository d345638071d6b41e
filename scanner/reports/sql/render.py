"""The answer to a query as text: an aligned table for the eye, JSON or CSV for the next program."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.csv_text import csv_cell, joined_cells, quoted_cell
from scanner.core.safe_text import terminal_json, terminal_text
from scanner.reports.fit_table import cut
from scanner.reports.lines import counted, in_columns
from scanner.reports.sql.long_table import long_table
from scanner.reports.sql.row_texts import cell_texts, joined_rows

Format = Literal["table", "json", "jsonl", "csv"]

_CELL_WIDTH = 60
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the zone is that of the column
_DAYS_IN_400_YEARS = 146_097  # the calendar repeats itself after them
_MICROS_IN_A_DAY = 86_400_000_000
# DuckDB's own values of 'infinity' and '-infinity'.
_INFINITE_DAYS = {2**31 - 1: "infinity", -(2**31 - 1): "-infinity"}
_INFINITE_MICROS = {2**63 - 1: "infinity", -(2**63 - 1): "-infinity"}
_JSON = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class TableSize(Struct, frozen=True):
    """How much of an answer a table shows. None: all of it, however wide and long."""

    width: int | None = None  # cells of a line
    most_rows: int | None = None


WHOLE_TABLE = TableSize()


def rendered(
    schema: pa.Schema, batches: AsyncIterable[pa.RecordBatch], form: Format, size: TableSize = WHOLE_TABLE
) -> AsyncGenerator[str, None]:
    """Yields the answer as pieces of text, of any length in little memory.

    `json` is one array, `jsonl` an object a line. `size` is for a table alone.
    """
    if form == "csv":
        return _csv(schema, batches)
    if form == "jsonl":
        return _jsonl(batches)
    if form == "json":
        return _json(batches)
    if size == WHOLE_TABLE:
        right = [_is_number(field.type) for field in schema]
        return long_table(batches, partial(_lines_of, schema), _table_cells, right)
    return _table(schema, batches, size)


async def _csv(schema: pa.Schema, batches: AsyncIterable[pa.RecordBatch]) -> AsyncGenerator[str, None]:
    yield joined_cells(map(csv_cell, schema.names), "\n")
    async for batch in batches:
        if batch.num_columns:
            rows = joined_rows([cell_texts(column, _csv_cells) for column in batch.columns], ",")
            yield "".join(joined_cells([row], "\n") for row in rows)


async def _jsonl(batches: AsyncIterable[pa.RecordBatch]) -> AsyncGenerator[str, None]:
    async for batch in batches:
        if rows := json_rows(batch):
            yield "\n".join([*rows, ""])


async def _json(batches: AsyncIterable[pa.RecordBatch]) -> AsyncGenerator[str, None]:
    before = "["
    async for batch in batches:
        if rows := json_rows(batch):
            yield f"{before}\n" + ",\n".join(rows)
            before = ","
    yield "[]" if before == "[" else "\n]"


def _lines_of(schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> list[str]:
    return table_text(schema, [row for batch in batches for row in rows_of(batch)]).split("\n")[:-1]


def _table_cells(column: pa.Array) -> list[str]:
    return [cut(terminal_text(cell_text(value)), _CELL_WIDTH) for value in _values(column)]


async def _table(
    schema: pa.Schema, batches: AsyncIterable[pa.RecordBatch], size: TableSize
) -> AsyncGenerator[str, None]:
    """Yields the first rows as a table, and how many there are besides."""
    rows: list[tuple[object, ...]] = []
    total = 0
    async for batch in batches:
        shown = batch if size.most_rows is None else batch.slice(0, max(0, size.most_rows - total))
        rows += rows_of(shown)
        total += batch.num_rows
    hidden = total - len(rows)
    more = f"… {counted(hidden, 'more row')}; --max-rows 0 shows all\n" if hidden else ""
    yield table_text(schema, rows, size.width) + more


def rows_of(batch: pa.RecordBatch) -> list[tuple[object, ...]]:
    """Returns the rows as Python values; times with a zone are UTC datetimes, whatever zones this machine knows."""
    if not batch.num_columns:
        return []
    return list(zip(*(_values(column) for column in batch.columns), strict=True))


def _values(column: pa.Array) -> list[object]:
    kind = column.type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        values: list[object] = column.to_pylist()
        return values
    if pa.types.is_date(kind):
        return [value if value is None else _day(value) for value in pc.cast(column, pa.int32()).to_pylist()]
    zone = UTC if kind.tz else None
    micros = pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64()).to_pylist()
    return [value if value is None else _moment(value, zone) for value in micros]


def _day(days: int) -> date | str:
    """Returns a day by its number since 1970; as text where Python has no date for it."""
    if days in _INFINITE_DAYS:
        return _INFINITE_DAYS[days]
    try:
        return _EPOCH.date() + timedelta(days=days)
    except OverflowError:
        cycles, rest = divmod(days, _DAYS_IN_400_YEARS)
        near = _EPOCH.date() + timedelta(days=rest)
        return f"{near.year + 400 * cycles}-{near:%m-%d}"


def _moment(micros: int, zone: tzinfo | None) -> datetime | str:
    """Returns a moment by its microseconds since 1970; as text where Python has no datetime for it."""
    if micros in _INFINITE_MICROS:
        return _INFINITE_MICROS[micros]
    try:
        return (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=zone)
    except OverflowError:
        days, rest = divmod(micros, _MICROS_IN_A_DAY)
        clock = (_EPOCH + timedelta(microseconds=rest)).time().isoformat()
        return f"{_day(days)}T{clock}{'Z' if zone else ''}"


def json_rows(batch: pa.RecordBatch) -> list[str]:
    """Returns one JSON object a row, keyed by column."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    members = [cell_texts(column, partial(_members, name)) for name, column in columns.items()]
    return [f"{{{row}}}" for row in joined_rows(members, ",")] if members else []


def _members(name: str, column: pa.Array) -> list[str]:
    key = _json_text(name)
    return [f"{key}:{_json_text(value)}" for value in _values(column)]


def _json_text(value: object) -> str:
    return terminal_json(_JSON.encode(value).decode())


def _csv_cells(column: pa.Array) -> list[str]:
    return [_csv_cell(value) for value in _values(column)]


def _csv_cell(value: object) -> str:
    return csv_cell(value) if isinstance(value, str) else quoted_cell(cell_text(value))


def cell_text(value: object) -> str:
    """Returns a value as one cell: ISO 8601 times, JSON for what is nested, nothing for null."""
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


def table_text(schema: pa.Schema, rows: Sequence[Sequence[object]], width: int | None = None) -> str:
    """Returns the rows under their column names, aligned, numbers to the right, long cells cut."""
    cells = [[cut(terminal_text(cell_text(value)), _CELL_WIDTH) for value in row] for row in rows]
    head = [cut(terminal_text(name), _CELL_WIDTH) for name in schema.names]
    lines = in_columns([head, *cells], [_is_number(field.type) for field in schema], underlined=True, width=width)
    return "".join(f"{line}\n" for line in lines)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
