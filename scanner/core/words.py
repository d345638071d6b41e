"""Numbers the few different texts of some columns, such as the states of patches."""

from __future__ import annotations

MAX_WORDS = 256  # a number has to fit into a byte


class Words(dict[str, int]):
    """The number of each word, given in the order in which the words come first; `names` has them in that order.

    A word that is looked up for the first time gets the next number.

    Raises:
        ValueError: there are 256 other words already.
        TypeError: it is no text.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __missing__(self, word: str) -> int:
        if not isinstance(word, str):
            raise TypeError("a word is a text")
        number = len(self.names)
        if number == MAX_WORDS:
            raise ValueError(f"there are {MAX_WORDS} other words")
        self.names.append(word)
        self[word] = number
        return number
