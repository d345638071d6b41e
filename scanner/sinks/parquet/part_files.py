"""Parquet files of one table in a temporary folder, each of about the size that readers like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

#: Athena and Spark read files of this size with few requests and still side by side.
MAX_FILE_BYTES = 128 * 1024 * 1024
ROW_GROUP_ROWS = 250_000
#: Titles alone fill more than Arrow's 1 MB; what does not fit is written out in full, in twice the bytes and CPU.
MAX_DICTIONARY_BYTES = 8 * 1024 * 1024
#: Values that are encoded at once: 64 times Arrow's number take a tenth less CPU, and the file is the same.
_VALUES_AT_ONCE = 65_536
#: Readers skip row groups by these; the minimum and maximum of a title help none, and cost a fifth of the CPU. Of
#: severities every row group has all.
_WITHOUT_STATISTICS = frozenset({"scan_id", "title", "kb_id", "classification", "severity", "cve_ids", "value"})


def write_parts(tables: Iterable[pa.Table], paths: Iterator[Path], max_bytes: int) -> Iterator[Path]:
    """Writes the rows into files, a row group for each table, and yields each file when it is whole.

    A new file begins when one has reached `max_bytes`. Where there are no rows there is no file.

    Raises:
        OSError: a file cannot be written.
    """
    waiting = iter(tables)
    table = next(waiting, None)
    while table is not None:
        path = next(paths)
        with pa.OSFile(str(path), "wb") as file, _writer(file, table.schema) as writer:
            while table is not None:
                writer.write_table(table)
                table = next(waiting, None)
                if file.tell() >= max_bytes:
                    break
        yield path


def _writer(file: pa.NativeFile, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        dictionary_pagesize_limit=MAX_DICTIONARY_BYTES,
        write_batch_size=_VALUES_AT_ONCE,
        store_schema=False,  # so that dictionaries are read as texts
        write_statistics=[name for name in schema.names if name not in _WITHOUT_STATISTICS],
    )
