"""Checksums of small blocks of a file, so that a part of it can be read and verified without the rest."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from zlib import crc32

BLOCK_BYTES = 1024  # a column of the nodes of a segment has a few hundred bytes; the checksums add 1 % to a file
_NEAR_BYTES = 4 * BLOCK_BYTES  # two ranges this close to each other are one request

Span = tuple[int, int]  # where bytes begin, and how many there are


def block_checksums(data: bytes | memoryview) -> bytes:
    """Returns the CRC-32 of each block, as text in base64."""
    view = memoryview(data)
    sums = array("I", (crc32(view[start : start + BLOCK_BYTES]) for start in range(0, len(view), BLOCK_BYTES)))
    return base64.b64encode(_little_endian(sums).tobytes())


def read_checksums(text: bytes) -> array[int]:
    """Returns the checksums that `block_checksums` wrote; raises `ValueError` where the text is damaged."""
    return _little_endian(array("I", base64.b64decode(text, validate=True)))


def whole_blocks(spans: Iterable[Span], end: int) -> Iterator[Span]:
    """Yields the spans widened to whole blocks, in order, those near each other as one; blocks end at `end`."""
    widened = sorted((start // BLOCK_BYTES * BLOCK_BYTES, _widened(start + size, end)) for start, size in spans)
    if not widened:
        return
    begin, latest = widened[0]
    for (_, _), (start, stop) in pairwise(widened):
        if start - latest > _NEAR_BYTES:
            yield begin, latest - begin
            begin = start
        latest = max(latest, stop)
    yield begin, latest - begin


def are_intact(start: int, data: bytes, sums: array[int]) -> bool:
    """Returns whether whole blocks, the first of which begins at `start`, have their checksums."""
    first = start // BLOCK_BYTES
    view = memoryview(data)
    found = [crc32(view[place : place + BLOCK_BYTES]) for place in range(0, len(view), BLOCK_BYTES)]
    return found == list(sums[first : first + len(found)])


def _widened(stop: int, end: int) -> int:
    return min(-(-stop // BLOCK_BYTES) * BLOCK_BYTES, end)


def _little_endian(sums: array[int]) -> array[int]:
    if sys.byteorder == "big":
        sums.byteswap()
    return sums
