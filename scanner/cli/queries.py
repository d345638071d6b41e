"""What the commands that ask the store share: the form of the answer, and the views over the scans asked."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import click
from msgspec import Struct

from scanner.cli.json_document import document_end, document_head
from scanner.cli.options import Sectioned
from scanner.cli.output import print_data, print_note

if TYPE_CHECKING:
    import pyarrow as pa

    from scanner.core.scan_files import ScanFiles
    from scanner.core.settings import ViewSettings
    from scanner.reports.sql.query import Parameters, Views
    from scanner.reports.sql.render import Format, TableSize
    from scanner.store.store import Store

TERMINAL_ROWS = 40  # of a table on a terminal: what is longer scrolls the beginning away

_F = TypeVar("_F", bound=Callable[..., object])


_FORMATS = ("table", "json (one object with a schema_version)", "jsonl (an object a row)", "csv")


class RowFormat(Struct, frozen=True):
    """How rows are printed: `--format` and, for a table on a terminal, `--max-rows`."""

    form: Format
    max_rows: int | None = None  # None: as many as suit the terminal; 0: all

    def table_size(self) -> TableSize:
        """Returns what of a table is shown here: a pipe gets all of it, unless `--max-rows` says otherwise."""
        from scanner.cli.styled import table_width
        from scanner.reports.sql.render import TableSize

        width = table_width()
        most_rows = self.max_rows if self.max_rows is not None or width is None else TERMINAL_ROWS
        return TableSize(width, most_rows or None)


def format_options(command: _F) -> _F:
    """Adds `--format` and `--max-rows`, handed to the command as `form` and `max_rows`."""
    return _format_options(command, {})


def format_or_events_options(command: _F) -> _F:
    """Adds the same with the format `events`."""
    return _format_options(command, {"events": "events (opened, closed and changed, an object a line, for tickets)"})


def _format_options(command: _F, more: Mapping[str, str]) -> _F:
    max_rows = click.option(
        "--max-rows",
        type=click.IntRange(min=0),
        metavar="N",
        cls=Sectioned,
        section="Output",
        help=f"Rows of a table to show, 0 for all.  [default: {TERMINAL_ROWS} on a terminal, else all]",
    )
    form = click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "jsonl", "csv", *more]),
        default="table",
        cls=Sectioned,
        section="Output",
        help=f"{', '.join([*_FORMATS, *more.values()])}.  [default: table]",
    )
    return form(max_rows(command))


@asynccontextmanager
async def open_scans(
    store: Store, scan_ids: Sequence[str], limits: ViewSettings, tables: Collection[str] | None = None
) -> AsyncIterator[Views]:
    """Yields the views over these committed scans; files that none of these tables lies in are not read.

    `tables` None stands for all of them, but for those of `scanner.core.relevant_rows`.

    Raises:
        StoreError: a file of theirs is missing or damaged.
    """
    from scanner.reports.sql.query import open_views

    async with (
        copied_scans(store, scan_ids, tables) as copy,
        open_views(copy, limits) as views,
    ):
        yield views


@asynccontextmanager
async def copied_scans(
    store: Store, scan_ids: Sequence[str], tables: Collection[str] | None = None
) -> AsyncIterator[ScanFiles]:
    """Yields what `Store.local_copy` does, and notes the damaged files that the answer can do without."""
    async with store.local_copy(scan_ids, tables) as copy:
        for problem in copy.problems:
            print_note(problem)
        yield copy


async def print_answer(
    views: Views,
    sql: str,
    form: RowFormat,
    parameters: Parameters | None = None,
    observe: Callable[[pa.RecordBatch], None] | None = None,
    members: Callable[[], Mapping[str, object]] = dict,
) -> None:
    """Prints the rows of one SELECT on stdout, as they come; `observe` is shown each batch before.

    As JSON they are the member `rows` of one object, followed by `members`, which are computed after the last row.

    Raises:
        ConfigError: the SELECT is refused.
    """
    async with views.run(sql, parameters) as rows:
        await print_rows(rows.schema, rows, form, observe)
    print_end(form, members)


async def print_rows(
    schema: pa.Schema,
    batches: AsyncIterable[pa.RecordBatch],
    form: RowFormat,
    observe: Callable[[pa.RecordBatch], None] | None = None,
) -> None:
    """Prints rows as `print_answer` does; as JSON the object is left open for `print_end`."""
    from scanner.reports.sql.render import rendered

    # Printed with the first piece, so that an answer that fails before leaves stdout empty.
    head = document_head("rows") if form.form == "json" else ""
    shown = batches if observe is None else _observed(batches, observe)
    async for piece in rendered(schema, shown, form.form, form.table_size()):
        print_data(head + piece)
        head = ""


def print_end(form: RowFormat, members: Callable[[], Mapping[str, object]]) -> None:
    """Prints what follows the rows: as JSON these members."""
    if form.form == "json":
        print_data(document_end(members()))


async def _observed(
    batches: AsyncIterable[pa.RecordBatch], observe: Callable[[pa.RecordBatch], None]
) -> AsyncIterator[pa.RecordBatch]:
    async for batch in batches:
        observe(batch)
        yield batch
