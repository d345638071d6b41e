"""Groups items by what they take together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size_of: Callable[[T], int], max_size: int) -> Iterator[list[T]]:
    """Yields the items in groups of at most `max_size` together, or of one item that is larger."""
    group: list[T] = []
    total = 0
    for item in items:
        size = size_of(item)
        if group and total + size > max_size:
            yield group
            group, total = [], 0
        group.append(item)
        total += size
    if group:
        yield group
