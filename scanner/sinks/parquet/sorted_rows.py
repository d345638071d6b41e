"""The rows of a table by account, Region and node, however many there are: an external merge sort of whole nodes.

Rows of one node arrive together, so what is sorted is a list of nodes. What does not fit in memory is written to
temporary files in sorted runs, which are merged at the end. Texts stay dictionaries all the way into the Parquet file.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.repeated import coded
from scanner.sinks.parquet.gathered_rows import NodePart, gather

_SORT_COLUMNS = ("account_id", "region", "instance_id")
_SEPARATOR = "\0"  # below every other character, so that joined keys sort as their parts do
#: A merge holds so many rows of each sorted run.
_MERGED_AT_ONCE = 4_096
_OPEN_FILES = 1_000  # each range that is read has a batch of every run in memory
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class KeyRange(Struct, frozen=True):
    """The nodes whose keys are from `start` on and before `stop`; None: from the first, to the last."""

    start: str | None = None
    stop: str | None = None

    def has(self, key: str) -> bool:
        return (self.start is None or self.start <= key) and (self.stop is None or key < self.stop)


EVERYTHING = KeyRange()
#: The key of a node, the number of its run, and its rows: a batch, the first of them in it, and how many.
_NodeRows = tuple[str, int, pa.RecordBatch, int, int]


class _Run(Struct, frozen=True):
    """A temporary file of sorted rows; `firsts` has the key of the first node of each of its batches."""

    file: Path
    firsts: Sequence[str]

    def batches(self, keys: KeyRange) -> list[int]:
        """Returns the batches that may have rows of these nodes. The last node of one may go on in the next."""
        nexts = [*self.firsts[1:], None]
        return [
            number
            for number, (first, following) in enumerate(zip(self.firsts, nexts, strict=True))
            if (keys.stop is None or first < keys.stop)
            and (keys.start is None or following is None or following >= keys.start)
        ]


class SortedRows:
    """Takes batches of rows and gives them back in order; rows of one node stay in the order in which they came.

    Several threads may add rows at a time, and read different ranges once every row was added.
    """

    def __init__(self, file: Path, max_rows_held: int) -> None:
        self._file = file
        self._max_rows_held = max_rows_held
        self._lock = Lock()
        self._held: list[pa.RecordBatch] = []
        self._rows_held = 0
        self._runs: list[_Run | None] = []
        self._last: pa.RecordBatch | None = None

    def add(self, table: pa.Table) -> None:
        """Takes rows; writes all that are held to a temporary file if they are more than may be held."""
        batches = [batch for batch in coded(table).to_batches() if batch.num_rows]
        with self._lock:
            self._held.extend(batches)
            self._rows_held += table.num_rows
            if self._rows_held <= self._max_rows_held:
                return
            held, number = self._held, len(self._runs)
            self._held, self._rows_held = [], 0
            self._runs.append(None)  # runs keep the order in which their rows came
        self._runs[number] = self._written(_in_order(held), number)

    def ranges(self, most: int, rows_each: int) -> list[KeyRange]:
        """Returns ranges that have about as many rows each, together all; fewer than `most` if they would be small."""
        firsts = sorted(first for run in self._runs if run is not None for first in run.firsts)
        rows = len(firsts) * _MERGED_AT_ONCE
        count = min(most, rows // rows_each, _OPEN_FILES // max(len(self._runs), 1))
        cuts = [firsts[len(firsts) * number // count] for number in range(1, count)]
        return [KeyRange(start, stop) for start, stop in pairwise([None, *dict.fromkeys(cuts), None])]

    def read(self, rows_at_once: int, keys: KeyRange = EVERYTHING) -> Iterator[pa.Table]:
        """Yields the rows of these nodes in order, in tables of about `rows_at_once` with texts as dictionaries.

        Called when every row was added, once for each range.
        """
        with self._lock:
            if self._held:
                self._last, self._held, self._rows_held = _in_order(self._held), [], 0
        # Earlier runs come first, so that rows of one node in two runs keep their order.
        runs = [_read_run(number, run, keys) for number, run in enumerate(self._runs) if run is not None]
        if self._last is not None:
            runs.append(_of_range(_by_node(len(self._runs), self._last), keys))
        yield from _merged(heapq.merge(*runs, key=itemgetter(0)), rows_at_once)

    def _written(self, rows: pa.RecordBatch, number: int) -> _Run:
        path = self._file.with_suffix(f".{number}{self._file.suffix}")
        starts = range(0, rows.num_rows, _MERGED_AT_ONCE)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema, options=_COMPRESSED) as writer:
            for start in starts:
                writer.write_batch(rows.slice(start, _MERGED_AT_ONCE))
        return _Run(path, _keys(rows, starts))


def _in_order(held: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    runs = [[batch] for batch in held]
    parts = sorted(
        (
            (key, NodePart(run, start, rows))
            for run, (batch,) in enumerate(runs)
            for key, _, _, start, rows in _by_node(run, batch)
        ),
        key=itemgetter(0),
    )
    return gather(runs, [part for _, part in parts])


def _read_run(number: int, run: _Run, keys: KeyRange) -> Iterator[_NodeRows]:
    with pa.OSFile(str(run.file), "rb") as file, pa.ipc.open_file(file) as reader:
        for batch in run.batches(keys):
            yield from _of_range(_by_node(number, reader.get_batch(batch)), keys)


def _of_range(nodes: Iterable[_NodeRows], keys: KeyRange) -> Iterator[_NodeRows]:
    return (node for node in nodes if keys.has(node[0]))


def _by_node(run: int, batch: pa.RecordBatch) -> Iterator[_NodeRows]:
    columns = [batch.column(name) for name in _SORT_COLUMNS]
    node = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
    for column in columns:
        node = pc.add(pc.multiply(node, len(column.dictionary)), column.indices)
    ends = pc.run_end_encode(node).run_ends.to_pylist()
    starts = [0, *ends[:-1]]
    for start, end, key in zip(starts, ends, _keys(batch, starts), strict=True):
        yield key, run, batch, start, end - start


def _keys(batch: pa.RecordBatch, rows: Sequence[int]) -> list[str]:
    """Returns the keys of the nodes to which these rows belong."""
    columns = [batch.column(name) for name in _SORT_COLUMNS]
    at = pa.array(rows, pa.int64())
    texts = [column.dictionary.take(column.indices.take(at)).to_pylist() for column in columns]
    return [_SEPARATOR.join(key) for key in zip(*texts, strict=True)]


def _merged(nodes: Iterable[_NodeRows], rows_at_once: int) -> Iterator[pa.Table]:
    group = _Group()
    for _, run, batch, start, rows in nodes:
        group.add(run, batch, start, rows)
        if group.rows >= rows_at_once:
            yield group.table()
            group = _Group()
    if group.rows:
        yield group.table()


class _Group:
    """Nodes of several runs in their order; those of one run follow each other there, so each run is cut once."""

    def __init__(self) -> None:
        self.rows = 0
        self._parts: list[NodePart] = []
        self._batches: dict[int, list[tuple[pa.RecordBatch, int, int]]] = {}
        self._taken: dict[int, int] = {}

    def add(self, run: int, batch: pa.RecordBatch, start: int, rows: int) -> None:
        """Appends a node's rows."""
        batches = self._batches.setdefault(run, [])
        if batches and batches[-1][0] is batch:
            batches[-1] = (batch, batches[-1][1], batches[-1][2] + rows)
        else:
            batches.append((batch, start, rows))
        taken = self._taken.get(run, 0)
        self._taken[run] = taken + rows
        self._parts.append(NodePart(list(self._batches).index(run), taken, rows))
        self.rows += rows

    def table(self) -> pa.Table:
        """Returns all rows that were added."""
        runs = [[batch.slice(start, rows) for batch, start, rows in batches] for batches in self._batches.values()]
        return pa.Table.from_batches([gather(runs, self._parts)])
