"""The history file of a scan: one row for each lacking patch of each node that the scans of the store have read.

A node without lacking patches has one row whose `kb_id` is null. The rows of a node lie together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from scanner.core.column import TIME
from scanner.core.errors import StoreError
from scanner.store.columns import conform
from scanner.store.parquet_groups import ParquetGroups

NODE = ("account_id", "region", "instance_id")

HISTORY = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in NODE),
        pa.field("history_since", TIME),  # the node's first reading
        pa.field("read_at", TIME),  # its last one
        pa.field("filters", pa.string()),  # the patch filters of the last reading whose rows could be trusted, as JSON
        pa.field("was_read_whole", pa.bool_()),  # whether a reading that could be trusted had no filters
        pa.field("reboot_pending_since", TIME),  # null where no reboot is pending
        pa.field("baseline_id", pa.string()),  # of the last reading that had one
        pa.field("baseline_changes", pa.int8()),  # a bit for each of the last readings: 1 where it was another one
        pa.field("kb_id", pa.string()),
        pa.field("title", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("classification", pa.string()),
        pa.field("state", pa.string()),
        pa.field("missing_since", TIME),
        pa.field("package_missing_since", TIME),
        pa.field("is_doubtful", pa.bool_()),  # a later reading may have had it in a state that its filters left out
    ]
)
NODE_FACTS = (
    "history_since",
    "read_at",
    "filters",
    "was_read_whole",
    "reboot_pending_since",
    "baseline_id",
    "baseline_changes",
)
_TEXTS = [field.name for field in HISTORY if field.type == pa.string()]
#: The texts are kept in memory as numbers of a dictionary: 2 million rows of 100,000 nodes take 100 MB, not 400.
IN_MEMORY = pa.schema(
    [pa.field(f.name, pa.dictionary(pa.int32(), pa.string())) if f.name in _TEXTS else f for f in HISTORY]
)
#: Rows that are decoded at a time, in one thread: whole groups in Arrow's threads took 25 MB more for 20,000 nodes.
BATCH_ROWS = 16_000


def read_history(data: bytes) -> pa.Table:
    """Returns the rows of a history file as `IN_MEMORY`; raises `StoreError` where it is none."""
    return pa.concat_tables([IN_MEMORY.empty_table(), *history_groups(data)]).unify_dictionaries().combine_chunks()


def history_groups(data: bytes, columns: Sequence[str] = IN_MEMORY.names) -> Iterator[pa.Table]:
    """Yields the rows of a history file as these columns of `IN_MEMORY`, some at a time; raises as `read_history` does.

    The columns have the key of the node and `kb_id`.
    """
    schema = pa.schema([IN_MEMORY.field(name) for name in columns])
    with _opened(data) as file:
        held = [name for name in columns if name in file.schema_arrow.names]
        for batch in file.iter_batches(BATCH_ROWS, columns=held, use_threads=False):
            yield conform(_with_dictionaries(pa.Table.from_batches([batch])), schema, required=(*NODE, "kb_id"))


def rows_of(data: bytes) -> int:
    """Returns how many rows a history file has; raises as `read_history` does."""
    with _opened(data) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _opened(data: bytes) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(pa.BufferReader(data), read_dictionary=_TEXTS) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise StoreError("it is torn or no Parquet file") from error


def _with_dictionaries(table: pa.Table) -> pa.Table:
    """Returns the table with its texts as numbers of one dictionary a column."""
    for place, name in enumerate(table.column_names):
        if name in _TEXTS and not pa.types.is_dictionary(table.schema.field(name).type):
            table = table.set_column(place, IN_MEMORY.field(name), table.column(name).dictionary_encode())
    return table.unify_dictionaries().combine_chunks()


class HistoryBytes:
    """Builds the bytes of a history file from tables, a row group at a time."""

    def __init__(self) -> None:
        self._groups = ParquetGroups(IN_MEMORY, _TEXTS)

    def add(self, table: pa.Table) -> None:
        """Appends rows in the form of `HISTORY` or of `IN_MEMORY`."""
        if len(table):
            self._groups.add(_with_dictionaries(table))  # a row is 80 bytes then, not 400

    def finish(self) -> bytes:
        """Returns the file; nothing can be added any more."""
        return self._groups.finish()
