"""Reads the EC2 instances of frequent layouts where they stand in a page: half of the CPU of cutting them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter

from msgspec import Struct

from scanner.aws.machines.instance_layout import NOWHERE, Layout
from scanner.aws.machines.instance_members import ID, INTERFACES, TAGS

FREQUENT = 200  # a pattern takes 3 ms to compile and saves 15 µs an instance: from so many on it has paid
MAX_PATTERNS = 16  # of about 15 kB each; one that does not match has taken 1 µs as a rule
_ID = f"<{ID}>".encode()
_SKIPPED = (TAGS, INTERFACES)
#: The text before a name. Brackets stand at names alone, so it ends where the name begins and is never tried again.
_TEXT = "[^<]*+"


class FoundInstance(Struct, frozen=True, gc=False):
    """An instance in a page: its texts in the order of `TEXTS`, what its list of tags holds, and where its end is.

    Texts and tags are as written; the end is where the id of the next instance starts.
    """

    texts: tuple[bytes, ...]
    tags: bytes
    end: int


class FrequentLayouts:
    """The patterns of layouts that many instances have, the one that matched last first.

    No two match the same instance, since each has every name outside the lists of tags and of network interfaces.
    """

    def __init__(self, frequent: int = FREQUENT) -> None:
        self._frequent = frequent
        self._patterns: list[_Pattern] = []

    def find(self, page: bytes, start: int) -> FoundInstance | None:
        """Returns the instance whose id starts there; None if its layout is not frequent, or no other follows it."""
        for number, pattern in enumerate(self._patterns):
            if found := _match(pattern, page, start):
                if number:
                    self._patterns.insert(0, self._patterns.pop(number))
                return found
        return None

    def note(self, layout: Layout) -> None:
        """Takes note of an instance that was read by its layout."""
        layout.instances += 1
        if layout.instances < self._frequent or len(self._patterns) == MAX_PATTERNS:
            return
        if all(known.names != layout.names for known in self._patterns):
            self._patterns.append(_pattern(layout))


class _Part(Struct, frozen=True):
    """What follows a list that is skipped, from its end on."""

    skipped: str
    closes: bytes
    pattern: re.Pattern[bytes]


class _Pattern(Struct, frozen=True):
    """An instance from its id to the next one's, in parts; `take` puts the texts of all parts in order."""

    names: tuple[str, ...]
    first: re.Pattern[bytes]
    others: tuple[_Part, ...]
    take: Callable[[Sequence[bytes]], tuple[bytes, ...]]


def _match(pattern: _Pattern, page: bytes, start: int) -> FoundInstance | None:
    match = pattern.first.match(page, start)
    if match is None:
        return None
    texts, tags = match.groups(), b""
    for part in pattern.others:
        start = match.end()
        end = page.find(part.closes, start)
        # A list that goes on beyond the next id is no answer of EC2.
        if end < 0 or page.find(_ID, start, end) >= 0:
            return None
        match = part.pattern.match(page, end)
        if match is None:
            return None
        texts += match.groups()
        if part.skipped == TAGS:
            tags = page[start:end]
    return FoundInstance(pattern.take((*texts, b"")), tags, match.end())


def _pattern(layout: Layout) -> _Pattern:
    names = layout.names
    ends = [number for number in range(1, len(names)) if _is_end_of_skipped(names[number - 1], names[number])]
    texts = ["" if n in ends else f"({_TEXT})" if 2 * n in layout.places else _TEXT for n in range(len(names))]
    written = [f"{text}<{re.escape(name)}>" for text, name in zip(texts, names, strict=True)]
    written.append(f"{_TEXT}<{ID}>")
    bounds = [0, *ends, len(written)]
    first, *others = [re.compile("".join(written[start:end]).encode()) for start, end in pairwise(bounds)]
    parts = [_Part(names[n][1:], f"<{names[n]}>".encode(), each) for n, each in zip(ends, others, strict=True)]
    numbers = {place: number for number, place in enumerate(sorted({*layout.places} - {NOWHERE}))}
    # The empty text comes after all others.
    return _Pattern(
        names, first, tuple(parts), itemgetter(*[numbers.get(each, len(numbers)) for each in layout.places])
    )


def _is_end_of_skipped(before: str, name: str) -> bool:
    return before in _SKIPPED and name == f"/{before}"
