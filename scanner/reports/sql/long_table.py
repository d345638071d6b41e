"""A table of any length in little memory: columns as wide as the first rows need, the other rows in batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from functools import partial

import pyarrow as pa

from scanner.reports.fit_table import GAP, cell_width
from scanner.reports.sql.row_texts import cell_texts, joined_rows

HEAD_ROWS = 1_000  # give the widths; a longer cell below them moves the rest of its line to the right


async def long_table(
    batches: AsyncIterable[pa.RecordBatch],
    head: Callable[[Sequence[pa.RecordBatch]], list[str]],
    texts: Callable[[pa.Array], list[str]],
    right: Sequence[bool],
) -> AsyncGenerator[str, None]:
    """Yields the table in pieces: `head` gives the lines of the first rows, `texts` the cells of a column."""
    first: list[pa.RecordBatch] | None = []
    widths: list[int] = []
    async for batch in batches:
        if first is None:
            yield _text(batch, texts, widths, right)
            continue
        first.append(batch)
        if sum(each.num_rows for each in first) >= HEAD_ROWS:
            text, widths = _head(first, head)
            yield text
            first = None
    if first is not None:
        yield _head(first, head)[0]


def _head(
    first: Sequence[pa.RecordBatch], head: Callable[[Sequence[pa.RecordBatch]], list[str]]
) -> tuple[str, list[int]]:
    lines = head(first)
    # The second line is the rule below the names: a run of hyphens as wide as each column.
    widths = [len(run) for run in lines[1].split()] if len(lines) > 1 else []
    return "".join(f"{line}\n" for line in lines), widths


def _text(
    batch: pa.RecordBatch, texts: Callable[[pa.Array], list[str]], widths: Sequence[int], right: Sequence[bool]
) -> str:
    """Returns the rows as lines."""
    columns = [
        cell_texts(column, partial(_cells, texts, width, is_right))
        for column, width, is_right in zip(batch.columns, widths, right, strict=True)
    ]
    lines = [line.rstrip(" ") for line in joined_rows(columns, " " * GAP)]
    return "\n".join([*lines, ""])


def _cells(texts: Callable[[pa.Array], list[str]], width: int, is_right: bool, values: pa.Array) -> list[str]:  # noqa: FBT001 - given by position alone
    return [_padded(text, width, is_right) for text in texts(values)]


def _padded(text: str, width: int, is_right: bool) -> str:  # noqa: FBT001 - one of a cell's three
    gap = " " * (width - cell_width(text))
    return gap + text if is_right else text + gap
