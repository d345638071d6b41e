"""Puts numbers in place of the texts of chosen patch rows, few among the millions of a scan.

SQL over such rows joins and counts numbers, and sees each text once. Of 25 million rows of 100,000 nodes 4 million lack
a fix; these are 8,000 different patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.chunks import single
from scanner.core.tables import PATCHES

#: What tells the rows of one node from those of another.
NODE = ("account_id", "region", "instance_id")
#: What tells one patch from another; the other columns of a row are times.
PATCH = ("kb_id", "title", "classification", "severity", "state", "cve_ids")
_NUMBERS = [pa.field("node", pa.int32()), pa.field("patch", pa.int32())]
_CODE_BYTES = 4
_MOST = 2**62  # numbers of several columns together, in 64 bits


class CodedRows(Struct, frozen=True):
    """Patch rows with a `node`, a `patch` and their times; the numbers are those of the rows of the other two tables.

    `nodes` has the columns `NODE`, `patches` those of `PATCH` that the rows were read with.
    """

    rows: pa.Table
    nodes: pa.Table
    patches: pa.Table


def coded(names: Sequence[str]) -> pa.Schema:
    """Returns the schema of these columns of `patches` with texts, and lists of them, as dictionaries."""
    return pa.schema([pa.field(name, _coded(PATCHES.field(name).type)) for name in names])


def _coded(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_coded(kind.value_type))
    return pa.dictionary(pa.int32(), kind) if kind == pa.string() else kind


def coded_rows(pieces: Iterable[pa.Table], columns: Sequence[str]) -> CodedRows:
    """Returns the rows of these pieces; each has `NODE` and `columns` as `coded` gives them, with one dictionary each.

    The rows of a node lie together in one piece.
    """
    of_patch, times = [name for name in columns if name in PATCH], [name for name in columns if name not in PATCH]
    schema = pa.schema([*_NUMBERS, *coded(times)])
    rows, nodes, patches = [schema.empty_table()], [coded(NODE).empty_table()], [coded(of_patch).empty_table()]
    nodes_before, patches_before = 0, 0
    for piece in pieces:
        if not len(piece):
            continue
        node, of_nodes = _runs(piece.select(NODE))
        patch, of_patches = distinct(piece.select(of_patch))
        numbers = [
            pc.add(node, pa.scalar(nodes_before, pa.int32())),
            pc.add(patch, pa.scalar(patches_before, pa.int32())),
        ]
        rows.append(pa.table([*numbers, *(piece.column(name) for name in times)], schema))
        nodes.append(of_nodes)
        patches.append(of_patches)
        nodes_before, patches_before = nodes_before + len(of_nodes), patches_before + len(of_patches)
    # Patches of several pieces that are the same get one number.
    numbers_of_all, different = distinct(unified(patches))
    table = pa.concat_tables(rows)
    chunks = [numbers_of_all.take(chunk) for chunk in table.column(1).chunks]
    table = table.set_column(1, schema.field(1), pa.chunked_array(chunks, pa.int32()))
    return CodedRows(table, unified(nodes), different)


def distinct_rows(pieces: Iterable[pa.Table], columns: Sequence[str]) -> pa.Table:
    """Returns the distinct rows of these pieces, each with `columns`, which are of `PATCH`, as `coded` gives them."""
    few = [coded(columns).empty_table(), *(distinct(piece)[1] for piece in pieces)]
    return distinct(unified(few))[1]


def unified(tables: Sequence[pa.Table]) -> pa.Table:
    """Returns the rows of these tables as one piece, with one dictionary for each column of texts."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _runs(nodes: pa.Table) -> tuple[pa.Array, pa.Table]:
    """Returns a number for each row that only rows of the same node share, and the nodes by these numbers."""
    rest = len(nodes) - 1
    is_other = pa.repeat(pa.scalar(value=False), rest)
    for column in nodes.columns:
        codes = single(column).indices
        is_other = pc.or_(is_other, pc.not_equal(codes.slice(1), codes.slice(0, rest)))
    numbers = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(is_other.cast(pa.int32()))])
    firsts = pc.add(pc.indices_nonzero(is_other).cast(pa.int64()), 1)
    return numbers, nodes.take(pa.concat_arrays([pa.array([0], pa.int64()), firsts]))


def distinct(patches: pa.Table) -> tuple[pa.Array, pa.Table]:
    """Returns a number for each row that equal rows share, and the distinct rows by these numbers.

    Numbers grow from 0 with the first row of each; the columns are those of `PATCH`, or some, with one dictionary each.
    """
    numbers, count = pa.repeat(pa.scalar(0, pa.int64()), len(patches)), 1
    for column in patches.columns:
        codes = _codes(single(column))
        size = (pc.max(codes).as_py() or 0) + 1
        if count * size > _MOST:
            numbers = _consecutive(numbers)
            count = (pc.max(numbers).as_py() or 0) + 1
        numbers, count = pc.add(pc.multiply(numbers, size), codes), count * size
    numbers = _consecutive(numbers)
    return numbers.cast(pa.int32()), patches.take(_firsts(numbers))


def _consecutive(numbers: pa.Array) -> pa.Array:
    """Returns numbers from 0, in the order of their first rows; this takes as long as all else of a column."""
    return numbers.dictionary_encode().indices.cast(pa.int64())


def _firsts(numbers: pa.Array) -> pa.Array:
    """Returns the place of the first row of each number; numbers are given in the order of these."""
    if not len(numbers):
        return pa.array([], pa.int64())
    highest = pc.cumulative_max(numbers)
    is_new = pc.not_equal(highest.slice(1), highest.slice(0, len(highest) - 1))
    return pa.concat_arrays([pa.array([0], pa.int64()), pc.add(pc.indices_nonzero(is_new).cast(pa.int64()), 1)])


def _codes(column: pa.Array) -> pa.Array:
    """Returns a number from 0 for each value, nulls too."""
    if pa.types.is_list(column.type):
        column = _as_bytes(column).dictionary_encode()
    return pc.add(pc.fill_null(column.indices.cast(pa.int64()), -1), 1)


def _as_bytes(lists: pa.ListArray) -> pa.Array:
    """Returns the lists of numbered texts as strings of bytes, which are equal where the lists are."""
    texts = pc.add(pc.fill_null(lists.flatten().indices, -1), pa.scalar(1, pa.int32()))  # in a buffer of their own
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    ends = pc.multiply(pc.cumulative_sum(lengths.cast(pa.int32())), pa.scalar(_CODE_BYTES, pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.Array.from_buffers(pa.binary(), len(lists), [None, offsets.buffers()[1], texts.buffers()[1]])
