"""Patch rows as AWS lists them, in pages and in columns, and the builder that turns the one into the other.

A page's rows are taken apart at once, while the processor's cache still holds them: the objects of a thousand pages
that wait for the rest of their nodes would cost more to keep and to visit again than they cost to read.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import astuple

from scanner.core.normalize import epoch_s


class Patch(Struct, rename="pascal", gc=False):
    """One PatchComplianceData row as AWS lists it: `state` in either form, `cve_ids` joined by commas.

    `installed_time` is epoch seconds or ISO 8601 text. Zero, negative and year 1 mean unknown; so does any "" or None.
    """

    kb_id: str | None = field(default="", name="KBId")
    title: str | None = ""
    classification: str | None = ""
    severity: str | None = ""
    state: str | None = ""
    installed_time: float | str | None = 0.0
    cve_ids: str | None = field(default="", name="CVEIds")


SEPARATOR = "\0"
#: The texts of a `Patch`, in the order in which `PatchRows` has them.
ROW_TEXTS = ("kb_id", "title", "classification", "severity", "state", "cve_ids")


class PatchRows(Struct, frozen=True):
    """Rows of DescribeInstancePatches as AWS lists them, in columns.

    `texts` has the values of each of `ROW_TEXTS`, joined by `separator`, which none of them holds; an absent one is
    "", as AWS itself writes it at times. `times` are the installed times in epoch seconds, 0 where there is none.
    """

    texts: tuple[str, ...]
    times: array[float]
    separator: str = SEPARATOR

    def __len__(self) -> int:
        return len(self.times)

    def column(self, name: str) -> list[str]:
        """Returns the values of one of `ROW_TEXTS`."""
        return self.texts[ROW_TEXTS.index(name)].split(self.separator) if self.times else []


NO_PATCHES = PatchRows(("",) * len(ROW_TEXTS), array("d"))


class PatchPage(Struct, frozen=True):
    """One answer of DescribeInstancePatches; `next_token` is None at the end of the listing.

    `has_escapes` is whether a text in it may have been written with a backslash, as JSON has to write a separator.
    """

    patches: Sequence[Patch]
    next_token: str | None
    has_escapes: bool = True


_TIME_AT = Patch.__struct_fields__.index("installed_time")
#: A private-use plane of Unicode, for texts that hold the usual separator.
_OTHER_SEPARATORS = range(0xF0000, 0xFFFFE)


class PatchRowsBuilder:
    """Collects the rows of one node, a page at a time."""

    def __init__(self) -> None:
        self._pages: list[PatchRows] = []

    def add(self, page: PatchPage) -> None:
        """Appends the rows of a page in their order, duplicates included."""
        if page.patches:
            self._pages.append(patch_rows_of(page.patches, has_escapes=page.has_escapes))

    def rows(self) -> PatchRows:
        """Returns all rows that were added."""
        times = array("d")
        for page in self._pages:
            times += page.times
        if all(page.separator == SEPARATOR for page in self._pages):
            texts = tuple(map(SEPARATOR.join, zip(*(page.texts for page in self._pages), strict=True)))
            return PatchRows(texts or NO_PATCHES.texts, times)
        return _separated([[text for page in self._pages for text in page.column(name)] for name in ROW_TEXTS], times)


def patch_rows_of(rows: Sequence[Patch], *, has_escapes: bool = True) -> PatchRows:
    """Returns these rows in columns, in the given order.

    Without `has_escapes` no text is searched for the separator, a fifth of the time: JSON has no other way to write it.
    """
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
        return _separated(columns, times, has_escapes=has_escapes)
    except TypeError:
        return _separated([[text or "" for text in column] for column in columns], times, has_escapes=has_escapes)


def _separated(columns: Sequence[Sequence[str]], times: array[float], *, has_escapes: bool = True) -> PatchRows:
    """Raises `TypeError` where a value is no text."""
    texts = tuple(map(SEPARATOR.join, columns))
    between = max(len(times) - 1, 0)
    if not has_escapes or all(text.count(SEPARATOR) == between for text in texts):
        return PatchRows(texts, times)
    taken = set().union(*texts)
    separator = next(other for other in map(chr, _OTHER_SEPARATORS) if other not in taken)
    return PatchRows(tuple(map(separator.join, columns)), times, separator)


def _seconds(time: float | str | None) -> float:
    return (epoch_s(time) if isinstance(time, str) else time) or 0.0
