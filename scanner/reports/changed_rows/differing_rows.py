"""Reads the patch rows of a group of nodes and leaves those of the patches in which the two scans differ."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single
from scanner.reports.changed_rows.coded_rows import read_coded
from scanner.reports.changed_rows.node_groups import NodeGroup
from scanner.reports.changed_rows.node_runs import NodeRuns
from scanner.reports.changed_rows.row_sums import COMPARED_COLUMNS, row_numbers

_READ = (*COMPARED_COLUMNS, "severity")


def differing_rows(group: NodeGroup) -> pa.Table:
    """Returns the rows of the patches that differ: `node`, `kb_id`, `title`, `state`, `severity` and `is_after`.

    Patches are those of one KB id on one node together. All of their rows are there, those that are equal in both scans
    too.

    Raises:
        StoreError: a file cannot be read.
    """
    tables = [_rows_of(runs, group.nodes) for runs in group.files]
    rows = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    patches = _patches(rows)
    sums = pa.table([patches, rows.column("number")], ["patch", "number"])
    totals = sums.group_by("patch", use_threads=False).aggregate([("number", "sum")])
    differing = totals.filter(pc.not_equal(totals.column("number_sum"), 0)).column("patch")
    # As positions: a filter looks at every value of every column.
    wanted = rows.drop_columns(["number"]).take(pc.indices_nonzero(pc.is_in(patches, single(differing))))
    columns = [pc.dictionary_decode(each) if pa.types.is_dictionary(each.type) else each for each in wanted.columns]
    return pa.table(columns, wanted.column_names)


def _rows_of(runs: NodeRuns, nodes: pa.Array) -> pa.Table:
    """Returns the rows of these nodes, each with its number; those of the earlier scan are negative."""
    read = read_coded(runs.file, _READ)
    owners = pa.ListArray.from_arrays(runs.offsets, pa.nulls(len(read))).value_parent_indices()
    wanted = pc.if_else(pc.is_in(runs.nodes, nodes), runs.nodes, None)
    numbers = row_numbers(read)
    rows = pa.table(
        [
            wanted.take(owners),
            *read.columns,
            pa.repeat(pa.scalar(runs.is_after), len(read)),
            numbers if runs.is_after else pc.negate(numbers),
        ],
        ["node", *_READ, "is_after", "number"],
    )
    return rows.take(pc.indices_nonzero(pc.is_valid(rows.column("node")))) if wanted.null_count else rows


def _patches(rows: pa.Table) -> pa.Array:
    """Returns a number for each row that those of one KB id on one node share."""
    kb_ids = pc.fill_null(single(rows.column("kb_id")).indices, -1)
    return pc.add(pc.shift_left(single(rows.column("node")).cast(pa.int64()), 32), kb_ids.cast(pa.int64()))
