"""Sorted rows in temporary files: numbers in place of texts, and which nodes they belong to is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
from msgspec import Struct
from msgspec.structs import replace

from scanner.sinks.parquet.node_rows import KEY_COLUMNS, NodeRows, nodes_of, places
from scanner.sinks.parquet.shared_texts import SharedTexts


class RunForm(Struct, frozen=True):
    """How a run lies in its file: so many rows are read at a time."""

    rows_at_once: int
    compression: str | None


class SortedRun(Struct, frozen=True):
    """Rows by node without the columns that name the node; `nodes` count from the first row of the run."""

    nodes: Sequence[NodeRows]
    texts: SharedTexts
    rows: pa.RecordBatch | Path
    form: RunForm

    def reader(self, start: int) -> RunReader:
        """Returns what reads the rows from `start` on."""
        return RunReader(self._batches(start))

    def _batches(self, start: int) -> Iterator[pa.RecordBatch]:
        if isinstance(self.rows, pa.RecordBatch):
            yield self.rows.slice(start)
            return
        first, before = divmod(start, self.form.rows_at_once)
        with pa.OSFile(str(self.rows), "rb") as file, pa.ipc.open_file(file) as reader:
            for number in range(first, reader.num_record_batches):
                yield reader.get_batch(number).slice(before if number == first else 0)


class RunReader:
    """Reads a run from a row on."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rest: pa.RecordBatch | None = None

    def take(self, rows: int) -> list[pa.RecordBatch]:
        """Returns the next rows, of which there are so many."""
        taken = []
        while rows:
            batch = self._rest if self._rest is not None and self._rest.num_rows else next(self._batches)
            taken.append(batch.slice(0, rows))
            self._rest = batch.slice(taken[-1].num_rows)
            rows -= taken[-1].num_rows
        return taken


def sorted_run(held: Sequence[pa.RecordBatch], number: int, texts: SharedTexts, form: RunForm) -> SortedRun:
    """Returns the rows of these batches as a run in memory; those of one node stay in the order in which they came."""
    parts = sorted(part for source, batch in enumerate(held) for part in nodes_of(source, batch))
    firsts = list(accumulate((batch.num_rows for batch in held), initial=0))
    order = places([firsts[part.source] + part.start for part in parts], [part.rows for part in parts])
    columns = {}
    for name in held[0].schema.names:
        if name not in KEY_COLUMNS:
            column = [batch.column(name) for batch in held]
            is_coded = pa.types.is_dictionary(column[0].type)
            values = texts.codes(name, column) if is_coded else pa.concat_arrays(column)
            columns[name] = values if order is None else values.take(order)
    starts = accumulate((part.rows for part in parts), initial=0)
    nodes = [NodeRows(part.key, number, start, part.rows) for part, start in zip(parts, starts, strict=False)]
    return SortedRun(nodes, texts, pa.record_batch(columns), form)


def write_run(run: SortedRun, path: Path) -> SortedRun:
    """Writes a run that is in memory to a file, and returns it as it is there.

    Raises:
        OSError: the file cannot be written.
    """
    assert isinstance(run.rows, pa.RecordBatch)
    options = pa.ipc.IpcWriteOptions(compression=run.form.compression)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, run.rows.schema, options=options) as writer:
        for start in range(0, run.rows.num_rows, run.form.rows_at_once):
            writer.write_batch(run.rows.slice(start, run.form.rows_at_once))
    return replace(run, rows=path)
