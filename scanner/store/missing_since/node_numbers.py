"""Finds nodes by their account, region and instance id, in 12 bytes a node: a dict of these texts takes 200."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.store.missing_since.history_file import NODE
from scanner.store.missing_since.number_arrays import view


def keys_of(nodes: pa.Table) -> list[str]:
    """Returns one text for each node that no other node has."""
    columns = [plain(nodes.column(name)) for name in NODE]
    keys: list[str] = pc.binary_join_element_wise(*columns, "/").to_pylist()
    return keys


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns the values of a column that may be encoded with a dictionary."""
    return pc.dictionary_decode(column) if pa.types.is_dictionary(column.type) else column


class NodeNumbers:
    """The numbers of nodes, from 0 in the order of their keys' `hashes`, by the sorted hashes.

    `keys_at` returns the keys of nodes by their numbers: two nodes may have the same hash.
    """

    def __init__(self, hashes: pa.Array, keys_at: Callable[[Sequence[int]], list[str]]) -> None:
        order = pc.array_sort_indices(hashes)
        self._hashes = view(hashes.take(order))
        self._numbers = view(order.cast(pa.uint32()))
        self._keys_at = keys_at

    def of(self, keys: Sequence[str]) -> list[int | None]:
        """Returns the number of each node, None for one that is not held; of several the last."""
        numbers: list[int | None] = [None] * len(keys)
        places = {at: bisect_left(self._hashes, hash(key)) for at, key in enumerate(keys)}
        while places:  # more than twice only where hashes are equal
            places = {at: place for at, place in places.items() if self._is_at(place, keys[at])}
            candidates = [self._numbers[place] for place in places.values()]
            for at, number, key in zip(places, candidates, self._keys_at(candidates), strict=True):
                if key == keys[at]:
                    numbers[at] = number
            places = {at: place + 1 for at, place in places.items()}
        return numbers

    def _is_at(self, place: int, key: str) -> bool:
        return place < len(self._hashes) and self._hashes[place] == hash(key)
