"""A segment table as the bytes of a Parquet file and back; what is not exactly a segment is refused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
from anyio import to_thread

from scanner.core.errors import StoreError
from scanner.core.tables import SEGMENT

KEY_COLUMNS = ("scan_id", "account_id", "region", "instance_id", "status", "patch_rows", "scanned_at")
"""What says which nodes a segment holds and how they ended, without their patches."""

# The string columns whose values repeat; ids, addresses and numbers would only be looked up in vain.
_REPEATING = [
    *(
        f.name
        for f in SEGMENT
        if f.type == pa.string() and f.name not in {"instance_id", "computer_name", "ip_address"}
    ),
    *(f"patches.list.element.{name}" for name in ("kb_id", "title", "classification", "severity", "state")),
    "patches.list.element.installed_time",
    "patches.list.element.cve_ids.list.element",
]

_MAX_DICTIONARY_BYTES = 8 * 1024 * 1024
"""Titles alone fill more than the usual 1 MB; what does not fit is written out in full, a third larger and slower."""


async def encode(table: pa.Table) -> bytes:
    """The Parquet file of a segment table, made in a worker thread."""
    return await to_thread.run_sync(partial(parquet_bytes, table, _REPEATING, KEY_COLUMNS))


async def decode(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """The segment table of these bytes, or only some of its columns, read in a worker thread.

    Raises:
        StoreError: torn, not Parquet, or of another schema; the text says which and leaves the name to the caller.
    """
    return await to_thread.run_sync(partial(parquet_table, data, SEGMENT, columns))


async def digest(data: bytes) -> str:
    """The SHA-256 of the bytes in hexadecimal, reckoned in a worker thread."""
    return await to_thread.run_sync(lambda: sha256(data).hexdigest())


def parquet_bytes(table: pa.Table, dictionary: Sequence[str] = (), statistics: Sequence[str] = ()) -> bytes:
    """A table as a Parquet file, compressed with zstd; `dictionary` columns as look-ups, `statistics` with bounds."""
    buffer = pa.BufferOutputStream()
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        use_dictionary=list(dictionary),
        write_statistics=list(statistics),
        dictionary_pagesize_limit=_MAX_DICTIONARY_BYTES,
    )
    data: bytes = buffer.getvalue().to_pybytes()
    return data


def parquet_table(data: bytes, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of a Parquet file that must have this schema, or raises `StoreError`."""
    try:
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            if not file.schema_arrow.equals(schema):
                raise StoreError("it has other columns than this version of patchsweep writes")
            return file.read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise StoreError("it is torn or no Parquet file") from error
