"""Which rows of a table are those of one node, and the columns that name the node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

#: The columns that name a node, in the order by which rows are sorted.
KEY_COLUMNS = ("account_id", "region", "instance_id")
_SEPARATOR = "\0"  # below every other character, so that joined keys sort as their parts do


class NodeRows(NamedTuple):
    """Rows of one node that follow each other in a source; tuples of these sort by node, then as the rows came."""

    key: str
    source: int
    start: int
    rows: int


def nodes_of(source: int, batch: pa.RecordBatch) -> Iterator[NodeRows]:
    """Yields the nodes of a batch, whose key columns are dictionaries, in its order."""
    columns = [batch.column(name) for name in KEY_COLUMNS]
    node = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
    for column in columns:
        node = pc.add(pc.multiply(node, len(column.dictionary)), column.indices)
    ends = pc.run_end_encode(node).run_ends
    starts = [0, *ends.to_pylist()[:-1]]
    at = pa.array(starts, pa.int64())
    texts = [column.dictionary.take(column.indices.take(at)) for column in columns]
    keys = pc.binary_join_element_wise(*texts, _SEPARATOR).to_pylist()
    for key, start, end in zip(keys, starts, ends.to_pylist(), strict=True):
        yield NodeRows(key, source, start, end - start)


def key_columns(nodes: Sequence[NodeRows]) -> dict[str, pa.DictionaryArray]:
    """Returns the columns that name the node of each row."""
    owners = _owners([node.rows for node in nodes])
    texts = zip(*(node.key.split(_SEPARATOR) for node in nodes), strict=True)
    columns = {}
    for name, column in zip(KEY_COLUMNS, texts, strict=True):
        few = pa.array(column, pa.string()).dictionary_encode()
        columns[name] = pa.DictionaryArray.from_arrays(few.indices.take(owners), few.dictionary)
    return columns


def places(starts: Sequence[int], lengths: Sequence[int]) -> pa.Array | None:
    """Returns the numbers from each start on, as many as its length says; None where that is counting from 0 on."""
    ends = list(accumulate(lengths, initial=0))
    if list(starts) == ends[:-1]:
        return None
    offsets = pa.array([start - end - 1 for start, end in zip(starts, ends[:-1], strict=True)], pa.int32())
    counted = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int32()), ends[-1]))
    return pc.add(counted, offsets.take(_owners(lengths)))


def _owners(lengths: Sequence[int]) -> pa.Array:
    """Returns for each row the number of the node that it belongs to."""
    ends = pa.array(accumulate(lengths, initial=0), pa.int32())
    return pa.ListArray.from_arrays(ends, pa.nulls(sum(lengths))).value_parent_indices()
