"""Gathers a node's patch rows column by column while its pages come in.

A page's rows are taken apart at once, while the processor's cache still holds them: the objects of a thousand pages
that wait for the rest of their nodes would cost more to keep and to visit again than they cost to read.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from msgspec.structs import astuple

from scanner.core.model import NO_PATCHES, ROW_TEXTS, SEPARATOR, Patch, PatchRows
from scanner.core.normalize import epoch_s

_TIME_AT = Patch.__struct_fields__.index("installed_time")
_OTHER_SEPARATORS = range(0xF0000, 0xFFFFE)
"""A plane of characters that nobody has assigned, for texts that hold the usual separator."""


class PatchRowsBuilder:
    """The rows of one node so far."""

    def __init__(self) -> None:
        self._pages: list[PatchRows] = []

    def add(self, rows: Sequence[Patch]) -> None:
        """Append rows in the order given, duplicates too."""
        if rows:
            self._pages.append(patch_rows_of(rows))

    def rows(self) -> PatchRows:
        """All that were added."""
        times = array("d")
        for page in self._pages:
            times += page.times
        if all(page.separator == SEPARATOR for page in self._pages):
            texts = tuple(map(SEPARATOR.join, zip(*(page.texts for page in self._pages), strict=True)))
            return PatchRows(texts or NO_PATCHES.texts, times)
        return _separated([[text for page in self._pages for text in page.column(name)] for name in ROW_TEXTS], times)


def patch_rows_of(rows: Sequence[Patch]) -> PatchRows:
    """Rows in the order given."""
    if not rows:
        return NO_PATCHES
    columns = list(zip(*map(astuple, rows), strict=True))
    seconds = columns.pop(_TIME_AT)
    try:
        times = array("d", seconds)
    except TypeError:
        # The service writes numbers; null and text are all that its model does not rule out.
        times = array("d", map(_seconds, seconds))
    try:
        return _separated(columns, times)
    except TypeError:
        return _separated([[text or "" for text in column] for column in columns], times)


def _separated(columns: Sequence[Sequence[str]], times: array[float]) -> PatchRows:
    """Raises `TypeError` where a value is no text."""
    texts = tuple(map(SEPARATOR.join, columns))
    between = max(len(times) - 1, 0)
    if all(text.count(SEPARATOR) == between for text in texts):
        return PatchRows(texts, times)
    taken = set().union(*texts)
    separator = next(other for other in map(chr, _OTHER_SEPARATORS) if other not in taken)
    return PatchRows(tuple(map(separator.join, columns)), times, separator)


def _seconds(time: float | str | None) -> float:
    return (epoch_s(time) if isinstance(time, str) else time) or 0.0
