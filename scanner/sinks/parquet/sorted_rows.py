"""The rows of a table by account, Region and node, however many there are: an external merge sort of whole nodes.

Rows of one node arrive together, so what is sorted is a list of nodes. What does not fit in memory is written to
temporary files in sorted runs, which are merged at the end. Texts stay dictionaries all the way into the Parquet file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from threading import Lock

import pyarrow as pa
from msgspec import Struct

from scanner.core.repeated import coded
from scanner.sinks.parquet.node_rows import KEY_COLUMNS, NodeRows, key_columns, places
from scanner.sinks.parquet.shared_texts import SharedTexts
from scanner.sinks.parquet.sorted_runs import RunForm, RunReader, SortedRun, sorted_run, write_run

#: The first runs, 4 million rows, lie in their files as they are, 70 bytes a row, which takes a third of the CPU; a
#: merge holds one of their parts each. Later ones take half of the disk and a quarter of the memory.
_FAST_RUNS = 32
_FAST = RunForm(rows_at_once=16_384, compression=None)
_SMALL = RunForm(rows_at_once=4_096, compression="lz4")
_MAX_BYTES_SHARED = 64 * 1024 * 1024  # each run looks through all texts that the runs before it have
_OPEN_FILES = 1_000  # each range that is read has a batch of every run in memory


class KeyRange(Struct, frozen=True):
    """The nodes whose keys are from `start` on and before `stop`; None: from the first, to the last."""

    start: str | None = None
    stop: str | None = None

    def has(self, key: str) -> bool:
        return (self.start is None or self.start <= key) and (self.stop is None or key < self.stop)


EVERYTHING = KeyRange()


class SortedRows:
    """Takes batches of rows and gives them back in order; rows of one node stay in the order in which they came.

    Several threads may add rows at a time, and read different ranges once every row was added.
    """

    def __init__(self, file: Path, max_rows_held: int) -> None:
        self._file = file
        self._max_rows_held = max_rows_held
        self._lock = Lock()
        self._schema = pa.schema([])
        self._held: list[pa.RecordBatch] = []
        self._rows_held = 0
        self._texts = SharedTexts()
        self._runs: list[SortedRun | None] = []

    def add(self, table: pa.Table) -> None:
        """Takes rows; writes all that are held to a temporary file if they are more than may be held."""
        table = coded(table)
        batches = [batch for batch in table.to_batches() if batch.num_rows]
        with self._lock:
            self._schema = table.schema
            self._held.extend(batches)
            self._rows_held += table.num_rows
            if self._rows_held <= self._max_rows_held:
                return
            held, number, texts = self._begin_run()
        form = _FAST if number < _FAST_RUNS else _SMALL
        path = self._file.with_suffix(f".{number}{self._file.suffix}")
        self._runs[number] = write_run(sorted_run(held, number, texts, form), path)

    def ranges(self, most: int, rows_each: int) -> list[KeyRange]:
        """Returns ranges that have about as many rows each, together all; fewer than `most` if they would be small."""
        nodes = sorted(node for run in self._whole_runs() for node in run.nodes)
        ends = list(accumulate(node.rows for node in nodes))
        rows = ends[-1] if ends else 0
        count = min(most, rows // rows_each, _OPEN_FILES // max(len(self._runs), 1))
        # Each range but the first begins with the node that has the first of its rows.
        cuts = [nodes[bisect_right(ends, rows * number // count)].key for number in range(1, count)]
        starts = [key for key in dict.fromkeys(cuts) if key != nodes[0].key]
        return [KeyRange(start, stop) for start, stop in pairwise([None, *starts, None])]

    def read(self, rows_at_once: int, keys: KeyRange = EVERYTHING) -> Iterator[pa.Table]:
        """Yields the rows of these nodes in order, in tables of about `rows_at_once` with texts as dictionaries.

        Called when every row was added, once for each range.
        """
        runs = self._whole_runs()
        chosen = [[node for node in run.nodes if keys.has(node.key)] for run in runs]
        # Earlier runs come first, so that rows of one node in two runs keep their order.
        nodes = sorted(node for of_run in chosen for node in of_run)
        readers = {of_run[0].source: runs[of_run[0].source].reader(of_run[0].start) for of_run in chosen if of_run}
        for group in _groups(nodes, rows_at_once):
            yield self._merged(group, runs, readers)

    def _begin_run(self) -> tuple[list[pa.RecordBatch], int, SharedTexts]:
        """Returns what is held, its number among the runs and the texts to use; then nothing is held."""
        held, self._held, self._rows_held = self._held, [], 0
        self._runs.append(None)  # runs keep the order in which their rows came
        if self._texts.nbytes > _MAX_BYTES_SHARED:
            self._texts = SharedTexts()
        return held, len(self._runs) - 1, self._texts

    def _whole_runs(self) -> list[SortedRun]:
        """Returns all runs; what is still held becomes the last one, in memory."""
        with self._lock:
            if self._held:
                held, number, texts = self._begin_run()
                self._runs[number] = sorted_run(held, number, texts, _FAST)
            return [run for run in self._runs if run is not None]

    def _merged(self, group: Sequence[NodeRows], runs: Sequence[SortedRun], readers: dict[int, RunReader]) -> pa.Table:
        """Returns the rows of these nodes, which are the next ones in every run that has some."""
        rows_of: dict[int, int] = {}
        within = []
        for node in group:
            within.append(rows_of.setdefault(node.source, 0))
            rows_of[node.source] += node.rows
        sources = sorted(rows_of)
        firsts = dict(zip(sources, accumulate((rows_of[source] for source in sources), initial=0), strict=False))
        starts = [firsts[node.source] + start for node, start in zip(group, within, strict=True)]
        order = places(starts, [node.rows for node in group])
        taken = [(runs[source].texts, readers[source].take(rows_of[source])) for source in sources]
        columns = {field.name: _column(taken, field, order) for field in self._schema if field.name not in KEY_COLUMNS}
        columns |= key_columns(group)
        return pa.table([columns[name] for name in self._schema.names], schema=self._schema)


def _groups(nodes: Iterable[NodeRows], rows_at_once: int) -> Iterator[list[NodeRows]]:
    """Yields the nodes in groups of so many rows, or a few more."""
    group: list[NodeRows] = []
    rows = 0
    for node in nodes:
        group.append(node)
        rows += node.rows
        if rows >= rows_at_once:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _column(
    taken: Sequence[tuple[SharedTexts, Sequence[pa.RecordBatch]]], field: pa.Field, order: pa.Array | None
) -> pa.Array:
    """Returns the values of a column from all runs, in this order."""
    if not pa.types.is_dictionary(field.type):
        values = pa.concat_arrays([batch.column(field.name) for _, batches in taken for batch in batches])
        return values if order is None else values.take(order)
    parts = []
    for _, same in groupby(taken, key=lambda each: id(each[0])):
        of_texts = list(same)
        codes = pa.concat_arrays([batch.column(field.name) for _, batches in of_texts for batch in batches])
        if order is not None and len(of_texts) == len(taken):
            return of_texts[0][0].column(field.name, codes.take(order))
        parts.append(of_texts[0][0].column(field.name, codes))
    values = pa.concat_arrays(parts)
    return values if order is None else values.take(order)
