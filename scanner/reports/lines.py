"""Lines for people: numbers with separators and units, text wrapped to a width, a tone for colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from textwrap import TextWrapper, wrap
from typing import Literal

from msgspec import Struct

from scanner.core.safe_text import terminal_text
from scanner.reports.fit_table import (
    GAP,
    NARROWEST_CUT,
    NARROWEST_FOLDED,
    cell_width,
    cut,
    fitted_widths,
    folded,
)

Tone = Literal["plain", "head", "good", "warn", "bad", "dim"]


class Line(Struct, frozen=True):
    """One line of a report, without its line end."""

    text: str = ""
    tone: Tone = "plain"


def counted(number: int, noun: str) -> str:
    """Returns `1 node`, `12,340 nodes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """Returns `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:  # noqa: PLR2004 - below it a tenth tells something, and does not round up to 10.0
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours:,} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def rough_duration(seconds: float) -> str:
    """Returns `40 s`, `2 min`, `3 h`: as exact as an estimate is."""
    if seconds >= 1.5 * 3600:
        return f"{round(seconds / 3600):,} h"
    if seconds >= 1.5 * 60:
        return f"{round(seconds / 60)} min"
    return f"{max(10, round(seconds / 10) * 10)} s"


def breakdown(counts: Mapping[str, int]) -> str:
    """Returns `409 scanned, 2 denied`, without the zeroes; `none` where nothing is left."""
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items() if number) or "none"


def wrapped(text: str, width: int, tone: Tone = "plain") -> list[Line]:
    """Returns the text, which is our own, broken at words."""
    return [Line(line, tone) for line in wrap(text, width, break_on_hyphens=False, break_long_words=False)]


def entry(label: str, text: str, width: int, *, tone: Tone = "plain", indent: int = 2, gap: int = 12) -> list[Line]:
    """Returns a label and its text in the column beside it, wrapped under itself; outside text comes out harmless."""
    head = f"{'':{indent}}{terminal_text(label):<{gap}}"
    # A label that fills its column still needs room before the text.
    head = head if head.endswith(" ") else head + "  "
    wrapper = TextWrapper(
        width=width,
        initial_indent=head,
        subsequent_indent=" " * (indent + gap),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [Line(line, tone) for line in wrapper.wrap(terminal_text(text)) or [head.rstrip()]]


def aligned(
    rows: Sequence[Sequence[str | int]], header: Sequence[str], width: int | None = None, *, folds: bool = True
) -> list[str]:
    """Returns the rows under their header in columns two spaces apart, numbers to the right, outside text escaped.

    No line takes more than `width` cells: long cells are folded, or cut where `folds` is False. None: lines may be
    as long as their cells, which is what a pipe gets.
    """
    right = [_are_numbers([row[place] for row in rows]) for place in range(len(header))]
    lines = [header, *([_cell(value) for value in row] for row in rows)]
    return in_columns(lines, right, width=width, folds=folds)


def in_columns(
    lines: Sequence[Sequence[str]],
    right: Sequence[bool],
    *,
    underlined: bool = False,
    width: int | None = None,
    folds: bool = False,
) -> list[str]:
    """Returns lines of cells, the header first, in columns two spaces apart: the only printer of tables.

    `right` says for each column whether its cells stand to the right; `underlined` adds a line of hyphens below the
    header. `width` and `folds` are those of `aligned`; columns that do not fit at all are counted on a last line.
    """
    widths = [max(map(cell_width, column)) for column in zip(*lines, strict=True)]
    hidden = 0
    if width is not None:
        shown = fitted_widths(widths, right, width, NARROWEST_FOLDED if folds else NARROWEST_CUT)
        hidden, widths = len(widths) - len(shown), shown
    rule = [["-" * each for each in widths]] if underlined else []
    shown_lines = [_row(line, widths, right, folds=folds) for line in lines]
    rows = [*shown_lines[:1], *([_joined(line, widths, right)] for line in rule), *shown_lines[1:]]
    more = [f"… {counted(hidden, 'more column')}; name the ones to see, or use another --format"] if hidden else []
    return [*(line for row in rows for line in row), *more]


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], *, folds: bool) -> list[str]:
    """Returns one row of a table as the lines it takes."""
    pairs = list(zip(cells, widths, strict=False))
    if not folds:
        return [_joined([cut(cell, each) for cell, each in pairs], widths, right)]
    parts = zip_longest(*(folded(cell, each) if cell_width(cell) > each else [cell] for cell, each in pairs))
    return [_joined([part or "" for part in line], widths, right) for line in parts]


def _joined(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return (" " * GAP).join(_padded(*cell) for cell in zip(cells, widths, right, strict=False)).rstrip()


def _are_numbers(column: Sequence[str | int]) -> bool:
    return any(isinstance(value, int) for value in column) and all(isinstance(v, int) or not v for v in column)


def _cell(value: str | int) -> str:
    return terminal_text(value) if isinstance(value, str) else f"{value:,}"


def _padded(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - one of a row's three columns
    gap = " " * (width - cell_width(text))
    return gap + text if right else text + gap


def percent_of(count: int, whole: int) -> int:
    """Returns the percentage rounded down, so that 100 means all of them."""
    return 100 * count // whole
