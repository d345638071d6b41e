"""Parquet files of the store as bytes and back; a file of an earlier or later version is read too."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from anyio import to_thread

from scanner.core.errors import StoreError
from scanner.core.tables import SEGMENT
from scanner.store.blocks import block_checksums
from scanner.store.columns import conform

#: Which nodes a segment holds and how they ended, without their patches.
KEY_COLUMNS = ("scan_id", "account_id", "region", "instance_id", "status", "patch_rows", "scanned_at")
#: What is read of a segment besides its rows: a resumed scan has to know the baselines of nodes it does not read again.
INDEX_COLUMNS = (*KEY_COLUMNS, "baseline_id")
REQUIRED = frozenset({*KEY_COLUMNS, "patches"})  # without these a file is not a segment

BLOCKS = b"patchsweep.blocks"  # The metadata of a file with the checksums of the blocks before its footer

#: Titles alone fill more than the usual 1 MB; what does not fit is written out in full, a third larger and slower.
_MAX_DICTIONARY_BYTES = 8 * 1024 * 1024


async def decode(data: bytes, columns: Sequence[str]) -> pa.Table:
    """Returns these columns of a nodes file, decoded in a worker thread.

    Columns that an earlier version did not write are null, those of a later one are left out.

    Raises:
        StoreError: torn, not Parquet, or no segment; the text says which and leaves the name to the caller.
    """
    return await to_thread.run_sync(partial(parquet_table, data, SEGMENT, columns, REQUIRED))


async def digest(data: bytes) -> str:
    """Returns the SHA-256 of the bytes in hexadecimal, computed in a worker thread."""
    return await to_thread.run_sync(lambda: sha256(data).hexdigest())


def parquet_bytes(
    table: pa.Table,
    dictionary: Sequence[str] = (),
    statistics: Sequence[str] = (),
    *,
    stores_schema: bool = True,
    compression: str = "zstd",
) -> bytes:
    """Returns a table as a Parquet file with one row group.

    `dictionary` names the columns encoded with a dictionary, `statistics` those with minimum and maximum.
    `stores_schema` is whether the file has the Arrow schema too, beside that of Parquet. The footer has the checksums
    of the blocks before it, so that a column can be read without the rest.
    """
    buffer = BytesIO()
    with pq.ParquetWriter(
        buffer,
        table.schema,
        compression=compression,
        use_dictionary=list(dictionary),
        write_statistics=list(statistics),
        dictionary_pagesize_limit=_MAX_DICTIONARY_BYTES,
        store_schema=stores_schema,
    ) as writer:
        writer.write_table(table, row_group_size=max(len(table), 1))
        # All columns are written by now, and the footer follows.
        writer.add_key_value_metadata({BLOCKS: block_checksums(buffer.getbuffer())})
    return buffer.getvalue()


def parquet_table(
    data: bytes, schema: pa.Schema, columns: Sequence[str] | None = None, required: Collection[str] = ()
) -> pa.Table:
    """Returns the columns of a Parquet file that this schema names, or those of them that are listed.

    Columns that an earlier version did not write are null, those of a later one are left out. A column that the schema
    has as a dictionary is read as one, which takes half the time where values repeat.

    Raises:
        StoreError: torn, not Parquet, or without a `required` column; the text says which.
    """
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    with open_parquet(data, [field.name for field in wanted if pa.types.is_dictionary(field.type)]) as file:
        held = set(file.schema_arrow.names)
        return conform(file.read(columns=[name for name in wanted.names if name in held]), wanted, required)


@contextmanager
def open_parquet(data: bytes, dictionaries: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Opens a Parquet file while the block runs; it reads columns of `dictionaries` with each text once.

    Raises:
        StoreError: it is torn or not Parquet, which may show only while the block reads from it.
    """
    try:
        metadata = pq.read_metadata(pa.BufferReader(data)) if dictionaries else None
        held = [] if metadata is None else [name for name in dictionaries if name in metadata.schema.names]
        with pq.ParquetFile(pa.BufferReader(data), metadata=metadata, read_dictionary=held) as file:
            yield file
    # A damaged file makes Arrow raise errors of Python too: names that are not UTF-8, sizes beyond any memory.
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise StoreError("it is torn or no Parquet file") from error
