"""Fits the columns of a text table into a number of terminal cells; pure."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category, east_asian_width

GAP = 2  # cells between two columns
NARROWEST_FOLDED = 8  # cells that a text column keeps whose text goes on below
NARROWEST_CUT = 24  # cells that a text column keeps whose text ends there: ids of scans and nodes stay whole
_WITHOUT_CELL = ("Mn", "Me", "Cf")  # marks above and below the letter before, and joiners


def cell_width(text: str) -> int:
    """Returns how many cells a terminal gives to the text: two to a Chinese character, none to an accent."""
    if text.isascii():
        return len(text)
    return sum(0 if category(char) in _WITHOUT_CELL else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def fitted_widths(natural: Sequence[int], fixed: Sequence[bool], room: int, narrowest: int) -> list[int]:
    """Returns the widths of as many leading columns as fit into `room` cells, at least one.

    The widest text columns give way first, down to `narrowest`. `fixed` columns keep their width: half a number is
    another number.
    """
    least = [width if is_fixed else min(width, narrowest) for width, is_fixed in zip(natural, fixed, strict=True)]
    count = len(natural)
    while count > 1 and sum(least[:count]) + GAP * (count - 1) > room:
        count -= 1
    shown = list(zip(natural[:count], fixed, strict=False))
    left = room - GAP * (count - 1) - sum(width for width, is_fixed in shown if is_fixed)
    level = _level([width for width, is_fixed in shown if not is_fixed], left)
    return [width if is_fixed else min(width, level) for width, is_fixed in shown]


def _level(widths: Sequence[int], room: int) -> int:
    """Returns the width to which the widest have to be cut so that all of them fit into `room`."""
    for place, width in enumerate(sorted(widths)):
        share = room // (len(widths) - place)
        if width > share:
            return max(1, share)
        room -= width
    return max(widths, default=0)


def cut(text: str, width: int) -> str:
    """Returns the text, or its beginning and an ellipsis where it takes more than `width` cells."""
    if cell_width(text) <= width:
        return text
    return f"{_beginning(text, width - 1)}…"


def _beginning(text: str, width: int) -> str:
    taken = 0
    for place, char in enumerate(text):
        taken += cell_width(char)
        if taken > width:
            return text[:place]
    return text


def folded(text: str, width: int) -> list[str]:
    """Returns the text in lines of up to `width` cells, broken between words where that is possible."""
    lines, line = [], ""
    for word in text.split(" "):
        if cell_width(longer := f"{line} {word}" if line else word) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while cell_width(line) > width:
            head = _beginning(line, width) or line[:1]
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line]
