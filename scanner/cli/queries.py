"""What the commands that ask the store share: the form of the answer, and the views over the scans asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from scanner.cli.options import Sectioned
from scanner.cli.output import print_data

if TYPE_CHECKING:
    import pyarrow as pa

    from scanner.reports.sql.query import Parameters, Rows, Views
    from scanner.reports.sql.render import Format
    from scanner.store.store import Store

_F = TypeVar("_F", bound=Callable[..., object])


def format_option(command: _F) -> _F:
    """Adds `--format`, handed to the command as `form`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["table", "json", "csv"]),
        default="table",
        cls=Sectioned,
        section="Output",
        help="How to write the rows on stdout.  [default: table]",
    )(command)


@asynccontextmanager
async def open_scans(store: Store, scan_ids: Sequence[str]) -> AsyncIterator[Views]:
    """Yields the views over these committed scans.

    Raises:
        StoreError: a file of theirs is missing or damaged.
    """
    from scanner.reports.sql.query import open_views

    async with (
        store.local_copy(scan_ids) as copy,
        open_views(copy.scans, copy.segments, copy.targets) as views,
    ):
        yield views


async def print_answer(
    views: Views,
    sql: str,
    form: Format,
    parameters: Parameters | None = None,
    observe: Callable[[pa.RecordBatch], None] | None = None,
) -> None:
    """Prints the rows of one SELECT on stdout, as they come; `observe` is shown each batch before.

    Raises:
        ConfigError: the SELECT is refused.
    """
    from scanner.reports.sql.render import rendered

    async with views.run(sql, parameters) as rows:
        batches = rows if observe is None else _observed(rows, observe)
        async for piece in rendered(rows.schema, batches, form):
            print_data(piece)


async def _observed(rows: Rows, observe: Callable[[pa.RecordBatch], None]) -> AsyncIterator[pa.RecordBatch]:
    async for batch in rows:
        observe(batch)
        yield batch
