"""What earlier scans have seen of nodes, found by the node."""

from __future__ import annotations

from array import array
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from scanner.store.missing_since.history_file import HISTORY, IN_MEMORY, NODE, NODE_FACTS, in_memory


class KnownNodes:
    """Finds the rows of a history file by node: a node has a number, an entry is a lacking patch of it."""

    def __init__(self, table: pa.Table | None = None) -> None:
        self.table = IN_MEMORY.empty_table() if table is None else table
        self._starts, self._numbers = _index(self.table)

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, nodes: pa.Table) -> pa.Array:
        """Returns the number of each node of a table, null for one that no earlier scan has read."""
        return pa.array([self._numbers.get(key) for key in keys_of(nodes)], pa.int64())

    def facts(self, numbers: pa.Array) -> pa.Table:
        """Returns `NODE_FACTS` of these nodes, null where a number is null."""
        starts = self._starts.take(numbers)
        return pa.table({name: _plain(self.table.column(name).take(starts)) for name in NODE_FACTS})

    def entries(self, numbers: pa.Array) -> pa.Table:
        """Returns the entries of these nodes as `HISTORY`, each with the place of its node in `numbers` as `owner`."""
        rows, owners = array("q"), array("q")
        starts = self._starts
        for owner, number in enumerate(numbers.to_pylist()):
            if number is not None:
                start, stop = starts[number].as_py(), starts[number + 1].as_py()
                rows.extend(range(start, stop))
                owners.extend([owner] * (stop - start))
        table = _decoded(self.table.take(_int64(rows))).append_column("owner", _int64(owners))
        return table.filter(pc.is_valid(table.column("kb_id"))).combine_chunks()

    def nodes(self) -> pa.Table:
        """Returns one row for each node, with its facts."""
        return self.table.take(self._starts.slice(0, len(self))).select([*NODE, *NODE_FACTS])

    def rows_without(self, numbers: Collection[int]) -> pa.Table:
        """Returns the rows of all nodes but these, as `IN_MEMORY`."""
        rows = array("q")
        starts = self._starts.to_pylist()
        for number in range(len(self)):
            if number not in numbers:
                rows.extend(range(starts[number], starts[number + 1]))
        return self.table if len(rows) == len(self.table) else self.table.take(_int64(rows))


def keys_of(nodes: pa.Table) -> list[str]:
    """Returns one text for each node that no other node has."""
    columns = [_plain(nodes.column(name)) for name in NODE]
    keys: list[str] = pc.binary_join_element_wise(*columns, "/").to_pylist()
    return keys


def _index(table: pa.Table) -> tuple[pa.Array, dict[str, int]]:
    """Returns where the rows of each node start, with the end of the last, and the numbers of the nodes."""
    starts, numbers = array("q"), {}
    if len(table):
        codes = [table.column(name).combine_chunks().indices for name in NODE]
        changed = [pc.not_equal(code.slice(1), code.slice(0, len(code) - 1)) for code in codes]
        first = pc.or_(pc.or_(changed[0], changed[1]), changed[2])
        starts.extend([0, *(row + 1 for row in pc.indices_nonzero(first).to_pylist())])
        numbers = {key: number for number, key in enumerate(keys_of(table.take(_int64(starts))))}
    starts.append(len(table))
    return _int64(starts), numbers


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.dictionary_decode(column) if pa.types.is_dictionary(column.type) else column


def _decoded(table: pa.Table) -> pa.Table:
    return pa.table([_plain(table.column(name)) for name in HISTORY.names], HISTORY)


def _int64(values: array[int]) -> pa.Array:
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def merged(newest: KnownNodes, other: KnownNodes) -> KnownNodes:
    """Returns both together: of a node that both have, the rows of the later reading."""
    ours, theirs = _read_at(newest), _read_at(other)
    older = {number for number, (key, at) in enumerate(ours.items()) if theirs.get(key, at) > at}
    surplus = {number for number, (key, at) in enumerate(theirs.items()) if ours.get(key, -1) >= at}
    parts = [newest.rows_without(older).cast(HISTORY), other.rows_without(surplus).cast(HISTORY)]
    return KnownNodes(in_memory(pa.concat_tables(parts)))


def _read_at(known: KnownNodes) -> dict[str, int]:
    nodes = known.nodes()
    times = pc.fill_null(nodes.column("read_at").cast(pa.int64()), 0).to_pylist()
    return dict(zip(keys_of(nodes), times, strict=True))
