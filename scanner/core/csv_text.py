"""CSV as every part of patchsweep writes it: RFC 4180, and safe to open in a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import ascii_letters, digits

from scanner.core.safe_text import safe_cell

LINE_END = "\r\n"
_QUOTES_NEED = '",\r\n'
_QUOTED = re.compile(f"[{_QUOTES_NEED}]")
_PLAIN_STARTS = {"", *ascii_letters, *digits}


def csv_cell(text: str | None) -> str:
    """Returns the text as a cell; what a spreadsheet would take for a formula gets a leading apostrophe.

    Nothing else of the text is changed, control characters and line ends included. None is an empty cell.
    """
    return "" if text is None else quoted_cell(safe_cell(text))


def quoted_cell(text: str) -> str:
    """Returns a text that is no formula as a cell, such as a number: a minus sign gets no apostrophe."""
    if not _QUOTED.search(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def are_cells(starts: Iterable[str], content: bytes) -> bool:
    """Returns whether `csv_cell` changes none of the texts that begin with `starts` and together are `content`.

    False says nothing: what begins with a letter of another script is a cell too.
    """
    return _PLAIN_STARTS.issuperset(starts) and len(content.translate(None, _QUOTES_NEED.encode())) == len(content)


def csv_line(cells: Iterable[str | None]) -> str:
    """Returns one row of texts, ended as RFC 4180 has it."""
    return joined_cells(map(csv_cell, cells), LINE_END)


def joined_cells(cells: Iterable[str], line_end: str) -> str:
    """Returns one row of finished cells. A row of one empty cell is `""`, because an empty line is no row."""
    return (",".join(cells) or '""') + line_end
