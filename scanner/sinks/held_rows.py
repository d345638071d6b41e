"""Small tables put together before they are worked on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

#: A column costs 0.1 ms to encode however few rows it has: the 60 columns of the nodes of 35 segments took 0.3 CPU s
#: segment by segment, as much as 600,000 rows of patches, and take 0.1 s so.
FEW_ROWS = 1_024


class HeldRows:
    """Holds the rows of small tables, by the name of the table, until there are many."""

    def __init__(self, few_rows: int = FEW_ROWS) -> None:
        self._few_rows = few_rows
        self._held: dict[str, list[pa.Table]] = {}

    def add(self, tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, pa.Table]]:
        """Yields the tables that are large, or became so with what is held; holds the others.

        The rows of a table keep their order.
        """
        for name, table in tables.items():
            held = self._held.setdefault(name, [])
            if held and held[0].schema != table.schema:  # another version of patchsweep stored these
                yield name, self._take(name)
            self._held[name].append(table)
            if sum(map(len, self._held[name])) >= self._few_rows:
                yield name, self._take(name)

    def rest(self) -> Iterator[tuple[str, pa.Table]]:
        """Yields what is still held."""
        for name in [name for name, held in self._held.items() if held]:
            yield name, self._take(name)

    def _take(self, name: str) -> pa.Table:
        held, self._held[name] = self._held[name], []
        return held[0] if len(held) == 1 else pa.concat_tables(held).combine_chunks()
