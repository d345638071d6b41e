"""Patch rows as AWS lists them, in pages and in columns, and what turns the one into the other.

A page's rows are taken apart at once, while the processor's cache still holds them: the objects of a thousand pages
that wait for the rest of their nodes would cost more to keep and to visit again than they cost to read.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from msgspec import Struct, field
from msgspec.structs import astuple

from scanner.core.normalize import epoch_s
from scanner.core.words import Words


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
#: Those that have few different values, and the others.
WORD_TEXTS = ("classification", "severity", "state")
OTHER_TEXTS = ("kb_id", "title", "cve_ids")
#: What classifications, severities and states this process has seen first; AWS knows some 30.
WORDS = Words()


class PageRows(Struct, frozen=True):
    """The rows of one page in columns, in the order of the page.

    `texts` has the values of each of `ROW_TEXTS`, joined by `separator`, which none of them holds; an absent one is
    "", as AWS itself writes it at times. `times` are the installed times in epoch seconds, 0 where there is none.
    `numbers` has those of `WORD_TEXTS` as numbers of `WORDS`, a byte each, and `texts` only the others; or it is empty.
    """

    texts: tuple[str, ...]
    times: array[float]
    separator: str = SEPARATOR
    numbers: tuple[bytes, ...] = ()

    def column(self, name: str) -> list[str]:
        """Returns the values of one of `ROW_TEXTS`."""
        if not self.numbers:
            return self.texts[ROW_TEXTS.index(name)].split(self.separator)
        if name in WORD_TEXTS:
            return [WORDS.names[number] for number in self.numbers[WORD_TEXTS.index(name)]]
        return self.texts[OTHER_TEXTS.index(name)].split(self.separator)


class PatchRows(Struct, frozen=True, eq=False):
    """The rows of one node as AWS lists them, in the order of its pages, none of which is empty.

    The pages stay apart, since joining them would copy every text once more. Equal rows in the same order are equal,
    wherever their pages end.
    """

    pages: tuple[PageRows, ...] = ()

    def __len__(self) -> int:
        return sum([len(page.times) for page in self.pages])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PatchRows):
            return NotImplemented
        return self.times == other.times and all(self.column(name) == other.column(name) for name in ROW_TEXTS)

    def __ne__(self, other: object) -> bool:
        return not self == other  # A Struct has a `__ne__` of its own, which knows nothing of `__eq__`.

    __hash__ = None  # type: ignore[assignment]  # nothing looks rows up by their value

    @property
    def times(self) -> list[float]:
        """Returns the installed times in epoch seconds, 0 where there is none."""
        return list(chain.from_iterable(page.times for page in self.pages))

    def column(self, name: str) -> list[str]:
        """Returns the values of one of `ROW_TEXTS`."""
        return list(chain.from_iterable([page.column(name) for page in self.pages]))

    def counted(self, name: str) -> Iterable[tuple[str, int]]:
        """Returns each value of one of `WORD_TEXTS` with how many rows have it."""
        place = WORD_TEXTS.index(name)
        if not all(page.numbers for page in self.pages):
            return Counter(self.column(name)).items()
        numbers = b"".join([page.numbers[place] for page in self.pages])
        counts = []
        while numbers:  # as often as there are different values, which is less than looking at every row
            others = numbers.replace(numbers[:1], b"")
            counts.append((WORDS.names[numbers[0]], len(numbers) - len(others)))
            numbers = others
        return counts


NO_PATCHES = PatchRows()


class PatchPage(Struct, frozen=True):
    """One answer of DescribeInstancePatches; `next_token` is None at the end of the listing.

    `has_escapes` is whether a text in it may have been written with a backslash, as JSON has to write a separator.
    `odd_rows` has words for each row that is not what the API says, which is not among `patches`.
    """

    patches: Sequence[Patch]
    next_token: str | None
    has_escapes: bool = True
    odd_rows: Sequence[str] = ()


#: A private-use plane of Unicode, for texts that hold the usual separator.
_OTHER_SEPARATORS = range(0xF0000, 0xFFFFE)


def patch_rows_of(rows: Sequence[Patch]) -> PatchRows:
    """Returns these rows in columns, in the given order, as if they had come in one page."""
    return PatchRows((page_rows_of(rows),)) if rows else NO_PATCHES


def page_rows_of(rows: Sequence[Patch], *, has_escapes: bool = True) -> PageRows:
    """Returns the rows of a page in columns; there is at least one.

    Without `has_escapes` no text is searched for the separator, a fifth of the time: JSON has no other way to write it.
    """
    kb_ids, titles, *words, seconds, cve_ids = zip(*map(astuple, rows), strict=True)
    texts = [kb_ids, titles, cve_ids]
    try:
        times = array("d", seconds)
    except TypeError:
        # The service writes numbers; null and text are all that its model does not rule out.
        times = array("d", map(_seconds, seconds))
    try:
        return _joined(texts, words, times, has_escapes=has_escapes)
    except TypeError:
        texts, words = ([tuple(text or "" for text in column) for column in columns] for columns in (texts, words))
        return _joined(texts, words, times, has_escapes=has_escapes)


def _joined(
    texts: Sequence[Sequence[str]], words: Sequence[Sequence[str]], times: array[float], *, has_escapes: bool
) -> PageRows:
    """Raises `TypeError` where a value is no text."""
    numbers: tuple[bytes, ...] = ()
    try:
        # A lookup takes as long as finding the text again among those joined; counting and numbering come with it.
        # Written out, it takes a tenth less time than a loop over three columns.
        number = WORDS.__getitem__
        classifications, severities, states = words
        numbers = (bytes(map(number, classifications)), bytes(map(number, severities)), bytes(map(number, states)))
    except ValueError:  # a 257th word
        texts = (*texts[:2], *words, *texts[2:])
    joined, separator = tuple(map(SEPARATOR.join, texts)), SEPARATOR
    if has_escapes and any(text.count(SEPARATOR) >= len(times) for text in joined):
        taken = set().union(*joined)
        separator = next(other for other in map(chr, _OTHER_SEPARATORS) if other not in taken)
        joined = tuple(map(separator.join, texts))
    return PageRows(joined, times, separator, numbers)


def _seconds(time: float | str | None) -> float:
    return (epoch_s(time) if isinstance(time, str) else time) or 0.0
