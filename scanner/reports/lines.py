"""Lines for people: numbers with separators and units, text wrapped to a width, a tone for colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import TextWrapper, wrap
from typing import Literal

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
    texts = [header, *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [_are_numbers([row[place] for row in rows]) for place in range(len(header))]
    return ["  ".join(_padded(*cell) for cell in zip(line, widths, right, strict=True)).rstrip() for line in texts]


def _are_numbers(column: Sequence[str | int]) -> bool:
    return any(isinstance(value, int) for value in column) and all(isinstance(v, int) or not v for v in column)


def _cell(value: str | int) -> str:
    return terminal_text(value) if isinstance(value, str) else f"{value:,}"


def _padded(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - one of a row's three columns
    return text.rjust(width) if right else text.ljust(width)
