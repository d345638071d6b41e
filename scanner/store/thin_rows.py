"""`thin/`: nodes of an unfinished scan whose rows still lie in a segment of an earlier scan, each with its name.

Workers write them while they read, so that a node is durable at once and takes no memory. Once every target is read,
each earlier segment is read once, and its nodes are stored whole. Workers that did so while they read would each read
nearly all segments, for a segment holds nodes of many targets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread
from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.tables import SEGMENT
from scanner.store.earlier_segment import entry_text
from scanner.store.layout import ScanNames, digest_in
from scanner.store.manifest import FileEntry
from scanner.store.segment_reader import FILES_AT_ONCE, IgnoredFile
from scanner.store.segments import INDEX_COLUMNS, digest, parquet_bytes, parquet_table

EARLIER = "earlier_segment"
THIN = SEGMENT.append(pa.field(EARLIER, pa.string(), nullable=False))
_KEY = ["account_id", "region", "instance_id"]
_REPEATING = [field.name for field in THIN if field.type == pa.string()]


class ThinFile(Struct, frozen=True):
    """A readable file of such nodes: their `INDEX_COLUMNS` and the text of their earlier segments."""

    name: str
    keys: pa.Table


async def write_thin(
    files: Files, names: ScanNames, file: tuple[int, str], nodes: pa.Table, earlier: Sequence[FileEntry]
) -> None:
    """Makes nodes, a segment table, durable with the earlier segment of each; `file` is its number and its writer."""
    table = nodes.append_column(THIN.field(EARLIER), pa.array(map(entry_text, earlier), pa.string()))
    data = await to_thread.run_sync(parquet_bytes, table, _REPEATING)
    await files.put(names.thin_file(*file, sha256(data).hexdigest()), data)


async def list_thin(files: Files, names: ScanNames, listed: Sequence[str]) -> list[ThinFile | IgnoredFile]:
    """Reads the keys of these files of a scan; one that was removed meanwhile is left out.

    Raises:
        StoreError: the store itself cannot be read.
    """
    found = await map_bounded(partial(_inspect, files, names), listed, FILES_AT_ONCE)
    return [each for each in found if each is not None]


async def _inspect(files: Files, names: ScanNames, name: str) -> ThinFile | IgnoredFile | None:
    try:
        table = await read_thin(files, names, name, [*INDEX_COLUMNS, EARLIER])
    except StoreError as error:
        return IgnoredFile(name, str(error))
    return None if table is None else ThinFile(name, table.drop_columns(["scan_id"]))


async def read_thin(files: Files, names: ScanNames, name: str, columns: Sequence[str] = THIN.names) -> pa.Table | None:
    """Returns such a file, None if there is none of this name; raises `StoreError` where it is damaged."""
    data = await files.get(name)
    if data is None:
        return None
    named_digest = digest_in(name)
    if named_digest is None or not (await digest(data)).startswith(named_digest):
        raise StoreError("it is torn or was changed: its content does not match its name")
    table = await to_thread.run_sync(partial(parquet_table, data, THIN, columns, {*INDEX_COLUMNS, EARLIER}))
    if set(table.column("scan_id").unique().to_pylist()) - {names.scan_id}:
        raise StoreError("it belongs to another scan")
    return table


async def thin_tables(
    files: Files, names: ScanNames, left: LeftNodes, segments: Collection[str]
) -> dict[str, pa.Table]:
    """Returns the nodes of `left` that take their rows from these earlier segments, by the text of the segment.

    Raises:
        StoreError: the store cannot be read, or a file of these nodes has changed since it was listed.
    """
    parts: list[pa.Table] = []
    for name, rows in left.places(segments):
        try:
            table = await read_thin(files, names, name)
        except StoreError as error:
            raise StoreError(f"{files.url}/{name} cannot be read: {error}") from error
        if table is not None:  # None: another process has committed the scan meanwhile
            parts.append(table.take(rows))
    nodes = pa.concat_tables([THIN.empty_table(), *parts])
    by_segment = {}
    for segment in segments:
        of_segment = nodes.filter(pc.equal(nodes.column(EARLIER), segment))
        if len(of_segment):
            by_segment[segment] = of_segment.drop_columns([EARLIER])
    return by_segment


class LeftNodes:
    """The nodes that have no rows yet: by earlier segment, and where they lie in the files.

    A node that is among the `stored` keys, or that two files hold, is there once or not at all.
    """

    def __init__(self, thin: Sequence[ThinFile], stored: Sequence[pa.Table]) -> None:
        self._names = [file.name for file in thin]
        self._segments = sorted({text for file in thin for text in file.keys.column(EARLIER).unique().to_pylist()})
        self._left = _left([file.keys for file in thin], stored)

    def segments(self) -> dict[str, int]:
        """Returns how many nodes each earlier segment has to give rows, by its text: 0 where all have theirs.

        The order is the same for every worker, whatever others have done by now.
        """
        counted = self._left.column(EARLIER).value_counts().to_pylist()
        counts = {each["values"]: each["counts"] for each in counted}
        return {text: counts.get(text, 0) for text in self._segments}

    def places(self, segments: Collection[str]) -> Iterator[tuple[str, pa.Array]]:
        """Yields each file that has nodes of these segments, with the rows in which they lie."""
        wanted = self._left.filter(pc.is_in(self._left.column(EARLIER), pa.array(list(segments), pa.string())))
        for number, name in enumerate(self._names):
            rows = wanted.filter(pc.equal(wanted.column("file"), number)).column("row").combine_chunks()
            if len(rows):
                yield name, rows


def _left(thin: Sequence[pa.Table], stored: Sequence[pa.Table]) -> pa.Table:
    parts = [_numbered(keys, number) for number, keys in enumerate(thin)]
    everything = pa.concat_tables(parts) if parts else _numbered(THIN.empty_table(), 0)
    if stored:
        held = pa.concat_tables([keys.select(_KEY) for keys in stored])
        everything = everything.join(held, keys=_KEY, join_type="left anti")
    # One of several: all of a node's say the same, or the later reading is as good as the earlier one.
    return (
        everything.group_by(_KEY, use_threads=False)
        .aggregate([("file", "first"), ("row", "first"), (EARLIER, "first")])
        .rename_columns([*_KEY, "file", "row", EARLIER])
    )


def _numbered(keys: pa.Table, file: int) -> pa.Table:
    return pa.table(
        {
            **{name: keys.column(name) for name in (*_KEY, EARLIER)},
            "file": pa.repeat(pa.scalar(file, pa.int64()), len(keys)),
            "row": pa.array(range(len(keys)), pa.int64()),
        }
    )
