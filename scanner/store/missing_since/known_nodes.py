"""What earlier scans have seen of nodes, found by the node."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scanner.store.missing_since.history_file import HISTORY, NODE, NODE_FACTS, HistoryBytes, history_groups, rows_of
from scanner.store.missing_since.known_rows import known_rows
from scanner.store.missing_since.node_numbers import NodeNumbers, keys_of, plain
from scanner.store.missing_since.number_arrays import arrow

_NODES_AT_ONCE = 400  # that are decoded while they are copied: 3 MB with 20 patches each


class NodeSet:
    """Numbers of nodes, in a byte for each node that is known."""

    def __init__(self, size: int) -> None:
        self._is_in = bytearray(size)

    def __contains__(self, number: int) -> bool:
        return bool(self._is_in[number])

    def update(self, numbers: Iterable[int]) -> None:
        """Adds nodes."""
        for number in numbers:
            self._is_in[number] = 1


class KnownNodes:
    """Finds the rows of a history file by node: a node has a number, an entry is a lacking patch of it."""

    def __init__(self, data: bytes | None = None) -> None:
        """Takes a history file; raises `StoreError` where it is none."""
        self._rows = known_rows((), 0) if data is None else known_rows(history_groups(data), rows_of(data))
        self._numbers = NodeNumbers(self._rows.hashes, self._keys_at)

    def __len__(self) -> int:
        return len(self._rows.nodes)

    @property
    def nodes(self) -> pa.Table:
        """Returns one row for each node, with its facts."""
        return self._rows.nodes

    def numbers(self, nodes: pa.Table) -> pa.Array:
        """Returns the number of each node of a table, null for one that no earlier scan has read."""
        return pa.array(self._numbers.of(keys_of(nodes)), pa.int64())

    def facts(self, numbers: pa.Array) -> pa.Table:
        """Returns `NODE_FACTS` of these nodes, null where a number is null."""
        return pa.table({name: plain(self.nodes.column(name).take(numbers)) for name in NODE_FACTS})

    def entries(self, numbers: pa.Array) -> pa.Table:
        """Returns the entries of these nodes as `HISTORY`, each with the place of its node in `numbers` as `owner`."""
        table, owners = self._of(numbers, with_bare=False)
        return table.append_column("owner", arrow(owners))

    def rows_without(self, without: NodeSet) -> Iterator[pa.Table]:
        """Yields the rows of all nodes but these as `HISTORY`, some nodes at a time."""
        for start in range(0, len(self), _NODES_AT_ONCE):
            stop = min(start + _NODES_AT_ONCE, len(self))
            numbers = [number for number in range(start, stop) if number not in without]
            if numbers:
                yield self._of(pa.array(numbers, pa.int64()), with_bare=True)[0]

    def _of(self, numbers: pa.Array, *, with_bare: bool) -> tuple[pa.Table, array[int]]:
        """Returns the rows of these nodes, with a row of one without entries or not, and the place of each's node."""
        rows = self._rows
        patch, date, owners = array("I"), array("I"), array("q")
        for owner, number in enumerate(numbers.to_pylist()):
            if number is None:
                continue
            start, stop = rows.starts[number], rows.starts[number + 1]
            patch += rows.patch[start:stop]
            date += rows.date[start:stop]
            if start == stop and with_bare:
                patch.append(0)
                date.append(0)
            owners.extend([owner] * (len(patch) - len(owners)))
        nodes = self.nodes.take(numbers.take(arrow(owners)))
        columns = {name: plain(nodes.column(name)) for name in (*NODE, *NODE_FACTS)} | rows.of_entries(patch, date)
        return pa.table([columns[name] for name in HISTORY.names], HISTORY).combine_chunks(), owners

    def _keys_at(self, numbers: Sequence[int]) -> list[str]:
        return keys_of(self.nodes.select(NODE).take(pa.array(numbers, pa.int64())))


def merged_bytes(newest: KnownNodes, other: KnownNodes) -> bytes:
    """Returns the history file of both together: of a node that both have, the rows of the later reading."""
    older, surplus = NodeSet(len(newest)), NodeSet(len(other))
    ours = _read_at(newest.nodes)
    for start in range(0, len(other), _NODES_AT_ONCE):
        nodes = other.nodes.slice(start, _NODES_AT_ONCE)
        numbers, theirs = newest.numbers(nodes).to_pylist(), _read_at(nodes).to_pylist()
        for place, (number, at) in enumerate(zip(numbers, theirs, strict=True), start):
            if number is not None and at > ours[number].as_py():
                older.update([number])
            elif number is not None:
                surplus.update([place])
    together = HistoryBytes()
    for known, without in ((newest, older), (other, surplus)):
        for rows in known.rows_without(without):
            together.add(rows)
    return together.finish()


def _read_at(nodes: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(nodes.column("read_at").cast(pa.int64()), 0)
