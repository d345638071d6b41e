"""Numbers different values, such as the patches and states that pages list over and over."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

V = TypeVar("V", bound=Hashable)


class NumberingIsFull(Exception):
    """A numbering has as many values as it can take."""


class Numbering(dict[V, int]):
    """The number of each value, given in the order in which the values come first; `by_number` has them in that order.

    A value that is looked up for the first time gets the next number.

    Raises:
        NumberingIsFull: it would be one more than `most`.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.by_number: list[V] = []
        self._most = most

    def __missing__(self, value: V) -> int:
        number = len(self.by_number)
        if number == self._most:
            raise NumberingIsFull
        self.by_number.append(value)
        self[value] = number
        return number
