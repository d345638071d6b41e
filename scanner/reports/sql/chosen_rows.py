"""Reads chosen patch rows from the files of a scan: those in some states, and those that name CVEs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanner.core.chunks import single
from scanner.core.coded_rows import coded, unified
from scanner.core.relevant_rows import is_relevant

_FILES_A_PIECE = 32  # of a piece: 15 MB of chosen rows, and few dictionaries to merge


def chosen_rows(files: Sequence[Path], columns: Sequence[str], states: Sequence[str]) -> Iterator[pa.Table]:
    """Yields the rows of patches files that are in these states or name CVEs, in pieces, as `coded` has the columns.

    Raises:
        pyarrow.ArrowException: a file cannot be read.
    """
    for first in range(0, len(files), _FILES_A_PIECE):
        yield unified([_read(path, columns, states) for path in files[first : first + _FILES_A_PIECE]])


def _read(path: Path, columns: Sequence[str], states: Sequence[str]) -> pa.Table:
    wanted = coded(columns)
    metadata = pq.read_metadata(path)
    held = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    leaves = [name for name in held if name.partition(".")[0] in wanted.names]
    texts = [name for name in leaves if not pa.types.is_timestamp(wanted.field(name.partition(".")[0]).type)]
    # One thread for one file: those of the pool take more CPU than they save.
    with pq.ParquetFile(path, metadata=metadata, read_dictionary=texts, pre_buffer=False) as file:
        table = file.read(columns=leaves, use_threads=False)
    table = pa.table([_column(table, field) for field in wanted], wanted)
    state = single(table.column("state")) if states else pa.array([], pa.string())
    return table.take(pc.indices_nonzero(is_relevant(state, single(table.column("cve_ids")), states)))


def _column(table: pa.Table, field: pa.Field) -> pa.Array:
    """Returns a column; one that an earlier version did not write is null."""
    if field.name not in table.column_names:
        return pa.nulls(len(table), field.type)
    column = single(table.column(field.name))
    return column if column.type.equals(field.type) else column.cast(field.type)
