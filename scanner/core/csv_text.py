"""CSV as every part of patchsweep writes it: RFC 4180, and safe to open in a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scanner.core.safe_text import safe_cell

LINE_END = "\r\n"
_QUOTED = re.compile(r'[",\r\n]')


def csv_cell(text: str | None) -> str:
    """Returns the text as a cell; what a spreadsheet would take for a formula gets a leading apostrophe.

    Nothing else of the text is changed, control characters and line ends included. None is an empty cell.
    """
    if text is None:
        return ""
    cell = safe_cell(text)
    if not _QUOTED.search(cell):
        return cell
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def csv_line(cells: Iterable[str | None]) -> str:
    """Returns one row, ended as RFC 4180 has it. A row of one empty cell is `""`, because an empty line is no row."""
    return (",".join(map(csv_cell, cells)) or '""') + LINE_END
