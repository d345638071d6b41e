"""Texts that repeat over all rows of a table, each with one number, so that sorting moves nothing but numbers."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import pyarrow as pa

from scanner.core.repeated import few_texts

#: Dictionaries with more texts than a row in so many has are cut down to those that rows have.
_ROWS_A_TEXT = 8


class SharedTexts:
    """Numbers the texts of columns in the order in which they come; several threads may do so at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._texts: dict[str, pa.Array] = {}

    @property
    def nbytes(self) -> int:
        """Returns how much memory the texts take."""
        with self._lock:
            return sum(texts.nbytes for texts in self._texts.values())

    def codes(self, name: str, column: Sequence[pa.DictionaryArray]) -> pa.Array:
        """Returns the numbers of the texts of a column, which may have a dictionary of its own in each part."""
        with self._lock:
            known = self._texts.get(name, column[0].dictionary)
            # Arrow numbers the texts of several dictionaries in their order, those of the first one as they were.
            first = pa.DictionaryArray.from_arrays(pa.array([], column[0].indices.type), known)
            whole = pa.concat_arrays([first, *column])
            self._texts[name] = whole.dictionary
        return whole.indices

    def column(self, name: str, codes: pa.Array) -> pa.DictionaryArray:
        """Returns the texts that have these numbers; the dictionary has no more of the others than is cheap."""
        with self._lock:
            texts = self._texts[name]
        if len(texts) * _ROWS_A_TEXT > len(codes):
            return few_texts(pa.DictionaryArray.from_arrays(codes, texts))
        return pa.DictionaryArray.from_arrays(codes, texts)
