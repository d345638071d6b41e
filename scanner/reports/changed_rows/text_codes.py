"""Keeps each text once and numbers it, so that millions of rows with few texts are small and quick to sort."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


class TextCodes:
    """Numbers texts as they come."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Returns the number of each text as int32; null where it is null."""
        few = texts.dictionary_encode()
        few = few.unify_dictionaries().combine_chunks() if isinstance(few, pa.ChunkedArray) else few
        codes = [self._codes.setdefault(text, len(self._codes)) for text in few.dictionary.to_pylist()]
        return pa.array(codes, pa.int32()).take(few.indices)

    def texts(self) -> pa.Array:
        """Returns the texts in the order of their numbers."""
        return pa.array([*self._codes], pa.string())

    def places(self) -> pa.Table:
        """Returns each `code` with the `place` of its text among all texts in order."""
        places = pc.rank(self.texts(), sort_keys="ascending", tiebreaker="first")
        return pa.table({"code": pa.array(range(len(places)), pa.int32()), "place": places.cast(pa.int32())})
