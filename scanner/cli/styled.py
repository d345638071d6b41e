"""Puts report lines on stderr: coloured on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from scanner.reports.lines import Line

_STYLES = {"plain": "", "head": "bold", "good": "green", "warn": "yellow", "bad": "red", "dim": "dim"}
PLAIN_WIDTH = 100


def stderr_width() -> int:
    """Returns the columns to write for; a fixed number where there is no terminal, so that logs look alike."""
    return _width(Console(stderr=True))


def stdout_width() -> int:
    """Returns the columns to write for on stdout."""
    return _width(Console())


def table_width() -> int | None:
    """Returns the columns of the terminal that a table has to fit, or None where stdout is no terminal."""
    return Console().width if sys.stdout.isatty() else None


def _width(console: Console) -> int:
    return min(console.width, PLAIN_WIDTH) if console.is_terminal else PLAIN_WIDTH


def print_styled(lines: Iterable[Line]) -> None:
    """Writes the lines on stderr."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text(line.text, style=_STYLES[line.tone]))
