"""The rows of a table by account, Region and node, however many there are: an external merge sort of whole nodes.

Rows of one node arrive together, so what is sorted is a list of nodes. What does not fit in memory is written to
temporary files in sorted runs, which are merged at the end. Texts stay dictionaries all the way into the Parquet file.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.repeated import coded
from scanner.sinks.parquet.gathered_rows import NodePart, gather

_SORT_COLUMNS = ("account_id", "region", "instance_id")
_SEPARATOR = "\0"  # below every other character, so that joined keys sort as their parts do
#: A merge holds so many rows of each sorted run.
_MERGED_AT_ONCE = 8_192
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")

#: The key of a node, the number of its run, and its rows: a batch, the first of them in it, and how many.
_NodeRows = tuple[str, int, pa.RecordBatch, int, int]


class SortedRows:
    """Takes batches of rows and gives them back in order; rows of one node stay in the order in which they came."""

    def __init__(self, file: Path, max_rows_held: int) -> None:
        self._file = file
        self._max_rows_held = max_rows_held
        self._held: list[pa.RecordBatch] = []
        self._rows_held = 0
        self._runs: list[Path] = []

    def add(self, table: pa.Table) -> None:
        """Takes rows; writes all that are held to a temporary file if they are more than may be held."""
        self._held.extend(batch for batch in coded(table).to_batches() if batch.num_rows)
        self._rows_held += table.num_rows
        if self._rows_held > self._max_rows_held:
            self._spill()

    def read(self, rows_at_once: int) -> Iterator[pa.Table]:
        """Yields all rows in order, in tables of about `rows_at_once` with texts as dictionaries. Called once, last."""
        # Earlier runs come first, so that rows of one node in two runs keep their order.
        runs = [self._run(number, path) for number, path in enumerate(self._runs)]
        if self._held:
            runs.append(_by_node(len(runs), self._held_in_order()))
        yield from _merged(heapq.merge(*runs, key=itemgetter(0)), rows_at_once)

    def _held_in_order(self) -> pa.RecordBatch:
        runs, self._held, self._rows_held = [[batch] for batch in self._held], [], 0
        parts = sorted(
            (
                (key, NodePart(run, start, rows))
                for run, (batch,) in enumerate(runs)
                for key, _, _, start, rows in _by_node(run, batch)
            ),
            key=itemgetter(0),
        )
        return gather(runs, [part for _, part in parts])

    def _spill(self) -> None:
        run = self._held_in_order()
        path = self._file.with_suffix(f".{len(self._runs)}{self._file.suffix}")
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, run.schema, options=_COMPRESSED) as writer:
            for start in range(0, run.num_rows, _MERGED_AT_ONCE):
                writer.write_batch(run.slice(start, _MERGED_AT_ONCE))
        self._runs.append(path)

    def _run(self, number: int, path: Path) -> Iterator[_NodeRows]:
        with pa.OSFile(str(path), "rb") as file, pa.ipc.open_file(file) as reader:
            for batch in range(reader.num_record_batches):
                yield from _by_node(number, reader.get_batch(batch))


def _by_node(run: int, batch: pa.RecordBatch) -> Iterator[_NodeRows]:
    columns = [batch.column(name) for name in _SORT_COLUMNS]
    node = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
    for column in columns:
        node = pc.add(pc.multiply(node, len(column.dictionary)), column.indices)
    ends = pc.run_end_encode(node).run_ends.to_pylist()
    starts = [0, *ends[:-1]]
    texts = [column.dictionary.take(column.indices.take(pa.array(starts))).to_pylist() for column in columns]
    for start, end, *key in zip(starts, ends, *texts, strict=True):
        yield _SEPARATOR.join(key), run, batch, start, end - start


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
