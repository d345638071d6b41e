"""Builds the bytes of a Parquet file from tables as they come: one row group and the file so far are in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

#: Rows of a row group, or a few more: what a writer holds back.
GROUP_ROWS = 64_000


class ParquetGroups:
    """A Parquet file of this schema; `texts` are written with a dictionary, `encodings` are those of other columns."""

    def __init__(self, schema: pa.Schema, texts: Sequence[str], encodings: Mapping[str, str] | None = None) -> None:
        self._buffer = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(
            self._buffer,
            schema,
            compression="zstd",
            use_dictionary=list(texts),
            write_statistics=False,
            column_encoding=dict(encodings) if encodings else None,
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Appends rows in the form of the schema."""
        if not len(table):
            return
        self._waiting.append(table)
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
            # With one dictionary a column: where it changes, Parquet writes the texts out in full.
            table = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
            self._writer.write_table(table, row_group_size=len(table))
            self._waiting, self._rows = [], 0
