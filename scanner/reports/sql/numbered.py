"""The tables of numbered patches, which are added to open views: what of the patches of a scan reports are made of.

`relevant_rows` has a `node`, a `patch` and the times of each row that lacks a fix, violates a baseline or names CVEs;
`relevant_nodes` and `relevant_patches` say what the numbers stand for. A node has the number `account` besides and a
patch the number `kb`, which all of the same account or KB id share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from scanner.core.chunks import single
from scanner.core.coded_rows import NODE, PATCH, CodedRows, coded, distinct_rows
from scanner.core.relevant_rows import NODES_TABLE, PATCHES_TABLE, ROWS_TABLE, TIMES
from scanner.core.tables import PATCHES

#: The columns of `patches` that these tables have beside those of the node.
COLUMNS = (*PATCH, *TIMES)

#: The rows, where files hold patches as the first release did; those of a node have to lie together.
RELEVANT_ROWS = f"""
SELECT {", ".join((*NODE, *COLUMNS))} FROM patches
WHERE (list_contains($states, state) OR len(cve_ids) > 0) AND ($scan_id IS NULL OR scan_id = $scan_id)
ORDER BY {", ".join(NODE)}
"""  # noqa: S608 - our own words


#: The columns that tell which CVEs a patch fixes.
NAMES = ("kb_id", "title", "severity", "cve_ids")
ALL_NAMES = f"""
SELECT DISTINCT {", ".join(NAMES)} FROM patches WHERE len(cve_ids) > 0
"""  # noqa: S608 - our own words


def names(pieces: Iterable[pa.Table]) -> pa.Table:
    """Returns the distinct `NAMES` of these rows, as texts."""
    return _texts(distinct_rows(pieces, NAMES))


def numbered(tables: CodedRows) -> Mapping[str, pa.Table]:
    """Returns the tables by their names, with the numbers that they have besides."""
    return {
        ROWS_TABLE: tables.rows,
        NODES_TABLE: _with_numbers(tables.nodes, "node", "account_id", "account"),
        PATCHES_TABLE: _with_numbers(tables.patches, "patch", "kb_id", "kb"),
    }


def as_coded(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Returns these columns of rows, with dictionaries in place of texts."""
    schema = coded(columns)
    return pa.table([single(rows.column(field.name)).cast(field.type) for field in schema], schema)


def _with_numbers(table: pa.Table, number: str, text: str, code: str) -> pa.Table:
    """Returns the table after the numbers of its rows, and of the texts of one of its columns."""
    numbers = pa.array(range(len(table)), pa.int32())
    texts = _texts(table)
    return pa.table([numbers, single(table.column(text)).indices, *texts.columns], [number, code, *texts.column_names])


def _texts(table: pa.Table) -> pa.Table:
    """Returns the table with texts in place of dictionaries: DuckDB refuses lists over one where all are empty."""
    return table.cast(pa.schema([PATCHES.field(name) for name in table.column_names]))
