"""The history file of a scan: one row for each lacking patch of each node that the scans of the store have read.

A node without lacking patches has one row whose `kb_id` is null. The rows of a node lie together.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from scanner.core.column import TIME
from scanner.core.errors import StoreError
from scanner.store.columns import conform

NODE = ("account_id", "region", "instance_id")

HISTORY = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in NODE),
        pa.field("history_since", TIME),  # the node's first reading
        pa.field("read_at", TIME),  # its last one
        pa.field("filters", pa.string()),  # the patch filters of the last reading whose rows could be trusted, as JSON
        pa.field("was_read_whole", pa.bool_()),  # whether a reading that could be trusted had no filters
        pa.field("reboot_pending_since", TIME),  # null where no reboot is pending
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
NODE_FACTS = ("history_since", "read_at", "filters", "was_read_whole", "reboot_pending_since")
_TEXTS = [field.name for field in HISTORY if field.type == pa.string()]
#: The texts are kept in memory as numbers of a dictionary: 2 million rows of 100,000 nodes take 100 MB, not 400.
IN_MEMORY = pa.schema(
    [pa.field(f.name, pa.dictionary(pa.int32(), pa.string())) if f.name in _TEXTS else f for f in HISTORY]
)
#: Rows of a row group: what a writer holds back at most.
GROUP_ROWS = 64_000


def in_memory(table: pa.Table) -> pa.Table:
    """Returns a history table with its texts as numbers of one dictionary a column."""
    columns = [
        table.column(f.name).dictionary_encode().unify_dictionaries() if f.name in _TEXTS else table.column(f.name)
        for f in HISTORY
    ]
    return pa.table(
        [column.cast(f.type) for column, f in zip(columns, IN_MEMORY, strict=True)], IN_MEMORY
    ).combine_chunks()


def read_history(data: bytes) -> pa.Table:
    """Returns the rows of a history file as `IN_MEMORY`; raises `StoreError` where it is none."""
    try:
        with pq.ParquetFile(pa.BufferReader(data), read_dictionary=_TEXTS) as file:
            held = [name for name in HISTORY.names if name in file.schema_arrow.names]
            table = file.read(columns=held)
            plain = [
                name for name in _TEXTS if name in held and not pa.types.is_dictionary(table.schema.field(name).type)
            ]
            for name in plain:
                table = table.set_column(held.index(name), name, table.column(name).dictionary_encode())
            table = table.unify_dictionaries().combine_chunks()
            return conform(table, IN_MEMORY, required=(*NODE, "kb_id"))
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise StoreError("it is torn or no Parquet file") from error


class HistoryBytes:
    """Builds the bytes of a history file from tables, a row group at a time."""

    def __init__(self) -> None:
        self._buffer = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(
            self._buffer, HISTORY, compression="zstd", use_dictionary=_TEXTS, write_statistics=False
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Appends rows in the form of `HISTORY` or `IN_MEMORY`."""
        self._waiting.append(table.cast(HISTORY))
        self._rows += len(table)
        if self._rows >= GROUP_ROWS:
            self._flush()

    def finish(self) -> bytes:
        """Returns the file; nothing can be added any more."""
        self._flush()
        self._writer.close()
        data: bytes = self._buffer.getvalue().to_pybytes()
        return data

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP_ROWS)
            self._waiting, self._rows = [], 0
