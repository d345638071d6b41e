"""Lines for people: numbers with separators and units, text wrapped to a width, a tone for colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import TextWrapper, wrap
from typing import Literal
from unicodedata import combining, east_asian_width

from msgspec import Struct

from scanner.core.safe_text import terminal_text

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


def aligned(rows: Sequence[Sequence[str | int]], header: Sequence[str]) -> list[str]:
    """Returns the rows under their header in columns two spaces apart, numbers to the right, outside text escaped."""
    right = [_are_numbers([row[place] for row in rows]) for place in range(len(header))]
    return in_columns([header, *([_cell(value) for value in row] for row in rows)], right)


def in_columns(lines: Sequence[Sequence[str]], right: Sequence[bool], *, underlined: bool = False) -> list[str]:
    """Returns lines of cells, the header first, in columns two spaces apart: the only printer of tables.

    `right` says for each column whether its cells stand to the right; `underlined` adds a line of hyphens below the
    header. Columns are as wide on a terminal as their widest cell, where Chinese characters take two places.
    """
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    rule = [["-" * width for width in widths]] if underlined else []
    return [
        "  ".join(_padded(*cell) for cell in zip(line, widths, right, strict=True)).rstrip()
        for line in [*lines[:1], *rule, *lines[1:]]
    ]


def _are_numbers(column: Sequence[str | int]) -> bool:
    return any(isinstance(value, int) for value in column) and all(isinstance(v, int) or not v for v in column)


def _cell(value: str | int) -> str:
    return terminal_text(value) if isinstance(value, str) else f"{value:,}"


def _padded(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - one of a row's three columns
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap


def _width(text: str) -> int:
    """Returns how many places a terminal gives to the text."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
