"""The nodes of an unfinished scan that have no rows yet, of all its workers, and where they lie; see `thin_rows`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread

from scanner.core.chunks import single
from scanner.core.errors import StoreError
from scanner.core.heap import trim_heap
from scanner.core.interfaces import Files
from scanner.core.tables import SEGMENT
from scanner.store.layout import ScanNames
from scanner.store.thin_rows import EARLIER, ThinFile, read_thin

_TEXTS = pa.dictionary(pa.int32(), pa.string())
#: What is read of every node of the scan: of texts that repeat 4 bytes a node. The name of an earlier segment has 200.
PLACES = pa.schema(
    [
        pa.field("scan_id", _TEXTS, nullable=False),
        pa.field("account_id", _TEXTS, nullable=False),
        pa.field("region", _TEXTS, nullable=False),
        pa.field("instance_id", pa.string(), nullable=False),
        pa.field(EARLIER, _TEXTS, nullable=False),
    ]
)
_KEY = ["account_id", "region", "instance_id"]
_PLACE = ["file", "row", EARLIER]
NODES_AT_ONCE = 50_000  # whose keys are compared: 200 bytes each
#: Nodes of so many files are put together: small arrays lie between what is left of the files that were read, and with
#: them the process grew by 54 MB for 20,000 nodes, now by 41.
PARTS_AT_ONCE = 16


class LeftNodes:
    """The nodes that have no rows yet: by earlier segment, and where they lie in the files.

    A node that is among the `stored` keys, or that two files hold, is there once or not at all. Of each node three
    numbers are kept: those of its file, of its row there, and of its earlier segment.
    """

    def __init__(self, thin: Sequence[ThinFile], stored: Sequence[pa.Table]) -> None:
        self._names = [file.name for file in thin]
        numbers = _Numbers()
        self._left = _left([file.keys for file in thin], stored, numbers)
        #: In an order that is the same for every worker, whatever others have done by now.
        self._segments = {
            text: numbers.of(text)
            for text in sorted({text for file in thin for text in file.keys.column(EARLIER).unique().to_pylist()})
        }

    def segments(self) -> dict[str, int]:
        """Returns how many nodes each earlier segment has to give rows, by its text: 0 where all have theirs."""
        counted = self._left.column(EARLIER).value_counts().to_pylist()
        counts = {each["values"]: each["counts"] for each in counted}
        return {text: counts.get(number, 0) for text, number in self._segments.items()}

    def number(self, segment: str) -> int:
        """Returns the number of an earlier segment, by its text."""
        return self._segments[segment]

    def places(self, segments: Collection[str]) -> Iterator[tuple[str, pa.Array, pa.Array]]:
        """Yields each file that has nodes of these segments, the rows in which they lie, and the number of each's."""
        numbers = pa.array(map(self.number, segments), pa.int32())
        wanted = self._left.filter(pc.is_in(self._left.column(EARLIER), numbers))
        for number, name in enumerate(self._names):
            of_file = wanted.filter(pc.equal(wanted.column("file"), number)).combine_chunks()
            if len(of_file):
                yield name, single(of_file.column("row")), single(of_file.column(EARLIER))


async def thin_tables(
    files: Files, names: ScanNames, left: LeftNodes, segments: Collection[str]
) -> dict[str, pa.Table]:
    """Returns the nodes of `left` that take their rows from these earlier segments, by the text of the segment.

    Raises:
        StoreError: the store cannot be read, or a file of these nodes has changed since it was listed.
    """
    parts: list[pa.Table] = []
    joined = 0  # how many of the parts consist of several
    for name, rows, numbers in left.places(segments):
        try:
            # Without the text of the earlier segment, which is a sixth of a node; `left` has its number.
            table = await read_thin(files, names, name, SEGMENT)
        except StoreError as error:
            raise StoreError(f"{files.url}/{name} cannot be read: {error}") from error
        if table is not None:  # None: another process has committed the scan meanwhile
            parts.append(table.take(rows).append_column(EARLIER, numbers))
        del table
        if len(parts) - joined == PARTS_AT_ONCE:
            parts[joined:] = [pa.concat_tables(parts[joined:]).combine_chunks()]
            joined += 1
            trim_heap()
    if not parts:
        return {}
    by_number = dict(await to_thread.run_sync(lambda: [*_by_segment(parts)]))
    return {text: by_number[left.number(text)] for text in segments if left.number(text) in by_number}


def _by_segment(parts: list[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    """Yields number and nodes of each earlier segment, as parts of one table: a table for each would copy all again.

    Empties the list, so that the nodes are held once.
    """
    nodes = pa.concat_tables(parts)
    parts.clear()
    nodes = nodes.take(pc.sort_indices(nodes.column(EARLIER)))
    counted = nodes.column(EARLIER).value_counts().to_pylist()
    start = 0
    for each in counted:  # in the order of the table
        yield each["values"], nodes.slice(start, each["counts"]).drop_columns([EARLIER])
        start += each["counts"]


class _Numbers:
    """Gives each text a number, the same in every file."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def of_all(self, column: pa.ChunkedArray) -> pa.Array:
        """Returns the numbers of a column of texts, each of which is looked up once."""
        values = single(column if pa.types.is_dictionary(column.type) else column.dictionary_encode())
        return pa.array([self.of(text) for text in values.dictionary.to_pylist()], pa.int32()).take(values.indices)

    def key(self, nodes: pa.Table) -> dict[str, pa.Array]:
        """Returns the key columns of nodes, account and Region as numbers."""
        return {
            "account_id": self.of_all(nodes.column("account_id")),
            "region": self.of_all(nodes.column("region")),
            "instance_id": nodes.column("instance_id"),
        }


def _left(thin: Sequence[pa.Table], stored: Sequence[pa.Table], numbers: _Numbers) -> pa.Table:
    everything = pa.concat_tables([_numbered(keys, number, numbers) for number, keys in enumerate(thin)] or [_NOTHING])
    held = pa.concat_tables([pa.table(numbers.key(keys)) for keys in stored]) if stored else None
    accounts = everything.column("account_id").unique()
    some = max(len(accounts) * NODES_AT_ONCE // max(len(everything), 1), 1)
    parts = [_NOTHING.select(_PLACE)]
    for start in range(0, len(accounts), some):
        of_some = pc.is_in(everything.column("account_id"), accounts.slice(start, some))
        parts.append(_once(everything.filter(of_some), held))
    return pa.concat_tables(parts).combine_chunks()


def _once(nodes: pa.Table, held: pa.Table | None) -> pa.Table:
    """Returns the place of each node that is not held, once."""
    if held is not None:
        nodes = nodes.join(held, keys=_KEY, join_type="left anti")
    # One of several: all of a node's say the same, or the later reading is as good as the earlier one.
    places = nodes.group_by(_KEY, use_threads=False).aggregate([(name, "first") for name in _PLACE])
    return places.select([f"{name}_first" for name in _PLACE]).rename_columns(_PLACE)


def _numbered(keys: pa.Table, file: int, numbers: _Numbers) -> pa.Table:
    return pa.table(
        {
            **numbers.key(keys),
            EARLIER: numbers.of_all(keys.column(EARLIER)),
            "file": pa.repeat(pa.scalar(file, pa.int32()), len(keys)),
            "row": pa.array(range(len(keys)), pa.int32()),
        }
    )


_NOTHING = _numbered(PLACES.empty_table(), 0, _Numbers())
