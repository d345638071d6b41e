"""`thin/`: nodes of an unfinished scan whose rows still lie in a segment of an earlier scan, each with its name.

Workers write them while they read, so that a node is durable at once and takes no memory. Once every target is read,
each earlier segment is read once, and its nodes are stored whole. Workers that did so while they read would each read
nearly all segments, for a segment holds nodes of many targets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from hashlib import sha256

import pyarrow as pa
from anyio import to_thread
from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.tables import SEGMENT, plain_segment
from scanner.store.earlier_segment import entry_text
from scanner.store.layout import ScanNames, digest_in
from scanner.store.manifest import FileEntry
from scanner.store.node_index import TargetKey, of_targets
from scanner.store.segment_reader import FILES_AT_ONCE, IgnoredFile
from scanner.store.segments import INDEX_COLUMNS, digest, parquet_bytes, parquet_table

EARLIER = "earlier_segment"
THIN = SEGMENT.append(pa.field(EARLIER, pa.string(), nullable=False))
#: Which nodes a file holds and how they ended.
THIN_INDEX = pa.schema([THIN.field(name) for name in INDEX_COLUMNS])
_REQUIRED = frozenset({*INDEX_COLUMNS, EARLIER})
_REPEATING = [field.name for field in THIN if field.type == pa.string()]


class ThinFile(Struct, frozen=True):
    """A readable file of such nodes: those of its columns that were asked for, without the scan id."""

    name: str
    keys: pa.Table


async def write_thin(
    files: Files, names: ScanNames, file: tuple[int, str], nodes: pa.Table, earlier: Sequence[FileEntry]
) -> None:
    """Makes nodes, a segment table, durable with the earlier segment of each; `file` is its number and its writer."""
    table = plain_segment(nodes).append_column(THIN.field(EARLIER), pa.array(map(entry_text, earlier), pa.string()))
    data = await to_thread.run_sync(parquet_bytes, table, _REPEATING)
    await files.put(names.thin_file(*file, sha256(data).hexdigest()), data)


async def list_thin(
    files: Files,
    names: ScanNames,
    listed: Sequence[str],
    schema: pa.Schema = THIN_INDEX,
    wanted: Collection[TargetKey] | None = None,
) -> list[ThinFile | IgnoredFile]:
    """Reads columns of these files of a scan; one that was removed meanwhile is left out.

    Args:
        files: the files of the store.
        names: the names of the scan.
        listed: the names of the files.
        schema: the columns, the scan id among them.
        wanted: only nodes of these targets are kept; None: all.

    Raises:
        StoreError: the store itself cannot be read.
    """

    async def inspect(name: str) -> ThinFile | IgnoredFile | None:
        try:
            table = await read_thin(files, names, name, schema)
        except StoreError as error:
            return IgnoredFile(name, str(error))
        if table is None:
            return None
        keys = table.drop_columns(["scan_id"])
        return ThinFile(name, keys if wanted is None else of_targets(keys, wanted))

    found = await map_bounded(inspect, listed, FILES_AT_ONCE)
    return [each for each in found if each is not None]


async def read_thin(files: Files, names: ScanNames, name: str, schema: pa.Schema = THIN) -> pa.Table | None:
    """Returns such a file, None if there is none of this name; raises `StoreError` where it is damaged."""
    data = await files.get(name)
    if data is None:
        return None
    named_digest = digest_in(name)
    if named_digest is None or not (await digest(data)).startswith(named_digest):
        raise StoreError("it is torn or was changed: its content does not match its name")
    table = await to_thread.run_sync(partial(parquet_table, data, schema, None, _REQUIRED & {*schema.names}))
    if set(table.column("scan_id").unique().to_pylist()) - {names.scan_id}:
        raise StoreError("it belongs to another scan")
    return table
