"""Patch rows as AWS lists them, in pages and in numbers, and what turns the one into the other.

The nodes of a fleet list the same patches over and over, so a row is kept as the number of its patch, its state and its
time: 13 bytes in place of the 180 of its texts, which wait in thousands of pages for the rest of their nodes. A page is
put into numbers at once, while the processor's cache still holds it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, cast

from msgspec import Struct, field

from scanner.core.normalize import epoch_s
from scanner.core.numbering import Numbering, NumberingIsFull

#: Values of `OF_PATCH`, None where AWS writes null.
PatchTexts = tuple[str | None, ...]

#: The texts of a `Patch`; and those that are the same on all nodes that list it, in the order of `PatchTexts`.
ROW_TEXTS = ("kb_id", "title", "classification", "severity", "state", "cve_ids")
OF_PATCH = ("kb_id", "title", "classification", "severity", "cve_ids")
_texts_of: Callable[[Patch], PatchTexts] = attrgetter(*OF_PATCH)
#: Different patches that are numbered together, of 0.4 kB each: five operating systems have some 10,000.
MAX_PATCHES = 32_768
MAX_STATES = 256  # a number has to fit into a byte; AWS documents 8 states


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


class _Patches(Numbering[PatchTexts]):
    def __missing__(self, texts: PatchTexts) -> int:
        return self[tuple([text or "" for text in texts])] if None in texts else super().__missing__(texts)


class _States(Numbering[str | None]):
    def __missing__(self, state: str | None) -> int:
        return self[""] if state is None else super().__missing__(state)


class KnownPatches:
    """The different patches and states that pages refer to by number; null is "", as AWS writes it at times.

    It only grows, up to `MAX_PATCHES` and `MAX_STATES`, and is there for as long as a page refers to it.
    """

    def __init__(self) -> None:
        self._patches = _Patches(MAX_PATCHES)
        self._states = _States(MAX_STATES)
        # Of each patch the number of the one that came after it the last time, to compare the next row with first:
        # nodes of a kind list theirs in the same order, and five texts are compared in half the time of hashing them.
        self.next_patch = [0] * MAX_PATCHES
        self.number_of_patch: Callable[[PatchTexts], int] = self._patches.__getitem__
        self.number_of_state: Callable[[str | None], int] = self._states.__getitem__

    @property
    def patches(self) -> Sequence[tuple[str, ...]]:
        """Returns the texts of each patch, by its number, in the order of `OF_PATCH`."""
        return cast("list[tuple[str, ...]]", self._patches.by_number)

    @property
    def states(self) -> Sequence[str]:
        """Returns each state, by its number."""
        return cast("list[str]", self._states.by_number)


class PageRows(Struct, frozen=True, eq=False):
    """The rows of one page in columns, in the order of the page.

    `patches` are numbers of patches of `known`, `states` those of its states, a byte each; `times` are the installed
    times in epoch seconds, 0 where there is none.
    """

    known: KnownPatches
    patches: array[int]
    states: bytes
    times: array[float]

    def column(self, name: str) -> list[str]:
        """Returns the values of one of `ROW_TEXTS`."""
        if name == "state":
            return [self.known.states[number] for number in self.states]
        place = OF_PATCH.index(name)
        return [self.known.patches[number][place] for number in self.patches]


class PatchPage(Struct, frozen=True):
    """One answer of DescribeInstancePatches; `next_token` is None at the end of the listing.

    `odd_rows` has words for each row that is not what the API says, which is not among `rows`.
    """

    rows: tuple[PageRows, ...]
    next_token: str | None
    odd_rows: Sequence[str] = ()


class PatchRows(Struct, frozen=True, eq=False):
    """The rows of one node as AWS lists them, in the order of its pages, none of which is empty.

    Equal rows in the same order are equal, wherever their pages end.
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

    def by_state(self) -> Counter[str]:
        """Returns how many rows have each state, as AWS lists it."""
        counts: Counter[str] = Counter()
        for known, pages in groupby(self.pages, key=lambda page: page.known):
            numbers = b"".join([page.states for page in pages])
            while numbers:  # as often as there are different states, which is less than looking at every row
                others = numbers.replace(numbers[:1], b"")
                counts[known.states[numbers[0]]] += len(numbers) - len(others)
                numbers = others
        return counts


NO_PATCHES = PatchRows()


def patch_rows_of(rows: Sequence[Patch]) -> PatchRows:
    """Returns these rows in columns, in the given order, as if they had come in one page."""
    return PatchRows(PAGES.numbered(rows))


def patch_page(rows: Sequence[Patch], next_token: str | None, odd_rows: Sequence[str] = ()) -> PatchPage:
    """Returns a page of these rows."""
    return PatchPage(PAGES.numbered(rows), next_token, odd_rows)


class PageNumbering:
    """Puts pages into numbers, of the same patches for as long as these are not too many."""

    def __init__(self) -> None:
        self._known = KnownPatches()

    def numbered(self, rows: Sequence[Patch]) -> tuple[PageRows, ...]:
        """Returns the rows of a page in columns: as one page, or several where they have too many different states."""
        if not rows:
            return ()
        try:
            return (self._page(rows),)
        except NumberingIsFull:
            self._known = KnownPatches()
        try:
            return (self._page(rows),)
        except NumberingIsFull:
            middle = len(rows) // 2
            return (*self.numbered(rows[:middle]), *self.numbered(rows[middle:]))

    def is_current(self, rows: Sequence[PageRows]) -> bool:
        """Returns whether the next rows get numbers of the same patches as these."""
        return all(part.known is self._known for part in rows)

    def _page(self, rows: Sequence[Patch]) -> PageRows:
        known = self._known
        number_of_patch, number_of_state = known.number_of_patch, known.number_of_state
        texts_by_number, next_patch = known.patches, known.next_patch
        patches: list[int] = []
        states: list[int] = []
        seconds: list[Any] = []
        if not texts_by_number:
            number_of_patch(_texts_of(rows[0]))
        number = 0
        for row in rows:  # by row: what was just decoded is in the cache, and taking columns apart takes a fifth more
            texts = (row.kb_id, row.title, row.classification, row.severity, row.cve_ids)
            last, number = number, next_patch[number]
            if texts_by_number[number] != texts:
                number = next_patch[last] = number_of_patch(texts)
            patches.append(number)
            states.append(number_of_state(row.state))
            seconds.append(row.installed_time)
        try:
            times = array("d", seconds)
        except TypeError:
            # The service writes numbers; null and text are all that its model does not rule out.
            times = array("d", map(_seconds, seconds))
        return PageRows(known, array("I", patches), bytes(states), times)


#: One for the process: targets list the same patches.
PAGES = PageNumbering()


def _seconds(time: float | str | None) -> float:
    return (epoch_s(time) if isinstance(time, str) else time) or 0.0
