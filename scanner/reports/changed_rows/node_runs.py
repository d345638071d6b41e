"""Reads which nodes a file has patch rows of, where they lie, and what they sum up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.columns import NODE_KEY
from scanner.reports.changed_rows.coded_rows import PatchFile, read_coded
from scanner.reports.changed_rows.row_sums import COMPARED_COLUMNS, row_numbers, run_sums

_SCAN, *_NODE = [column.name for column in NODE_KEY]
RUN_COLUMNS = (_SCAN, *_NODE, *COMPARED_COLUMNS)
_SEPARATOR = "\0"
_ONE = pa.scalar(1, pa.int32())


class NodeRuns(Struct, frozen=True):
    """The patch rows of a file in runs of one node each.

    Attributes:
        file: where they lie.
        is_after: whether they are of the later scan.
        offsets: where runs begin, and where the last one ends.
        nodes: the number of each run's node, null where it is not compared.
        sums: of the rows of each run.
    """

    file: PatchFile
    is_after: bool
    offsets: pa.Array
    nodes: pa.Array
    sums: pa.Array

    def row_counts(self) -> pa.Array:
        """Returns how many rows each run has."""
        return pc.subtract(self.offsets.slice(1), self.offsets.slice(0, len(self.nodes)))


def node_numbers(nodes: pa.Table) -> dict[str, int]:
    """Returns the column `node` of compared nodes by their keys, for `read_runs`."""
    return dict(zip(node_keys(nodes), nodes.column("node").to_pylist(), strict=True))


def read_runs(file: PatchFile, numbers: Mapping[str, int], after: str) -> NodeRuns:
    """Returns the runs of a file, all of whose rows are of one scan; `after` is the id of the later one.

    Raises:
        StoreError: the file cannot be read.
    """
    rows = read_coded(file, RUN_COLUMNS)
    offsets = _offsets(rows)
    firsts = rows.select([_SCAN, *_NODE]).take(offsets.slice(0, len(offsets) - 1))
    nodes = pa.array([numbers.get(key) for key in node_keys(firsts)], pa.int32())
    is_after = bool(len(rows)) and rows.column(_SCAN)[0].as_py() == after
    return NodeRuns(file, is_after, offsets, nodes, run_sums(row_numbers(rows), offsets))


def differing_nodes(files: Sequence[NodeRuns]) -> pa.Array:
    """Returns the numbers of the nodes whose rows in the two scans differ."""
    nodes = pa.chunked_array([runs.nodes for runs in files], pa.int32())
    sums = pa.chunked_array([runs.sums if runs.is_after else pc.negate(runs.sums) for runs in files], pa.int64())
    compared = pa.table([nodes, sums], ["node", "sum"]).filter(pc.is_valid(nodes))
    totals = compared.group_by("node", use_threads=False).aggregate([("sum", "sum")])
    return totals.filter(pc.not_equal(totals.column("sum_sum"), 0)).column("node").combine_chunks()


def _offsets(rows: pa.Table) -> pa.Array:
    """Returns where the rows of a node begin that follow those of another, and how many rows there are."""
    if not len(rows):
        return pa.array([0], pa.int32())
    codes = [rows.column(name).chunk(0).indices for name in _NODE]
    is_other = [pc.not_equal(each.slice(1), each.slice(0, len(rows) - 1)) for each in codes]
    begins = pc.add(pc.indices_nonzero(pc.or_(pc.or_(*is_other[:2]), is_other[2])).cast(pa.int32()), _ONE)
    return pa.concat_arrays([pa.array([0], pa.int32()), begins, pa.array([len(rows)], pa.int32())])


def node_keys(rows: pa.Table) -> list[str]:
    """Returns the key of each row's node as one text."""
    columns = [rows.column(name).cast(pa.string()) for name in _NODE]
    keys: list[str] = pc.binary_join_element_wise(*columns, _SEPARATOR, null_handling="replace").to_pylist()
    return keys
