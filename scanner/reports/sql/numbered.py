"""The tables of numbered patches, which are added to open views: what of the patches of a scan reports are made of.

`relevant_rows` has a `node`, a `patch` and the times of each row that lacks a fix, violates a baseline or names CVEs;
`relevant_nodes` and `relevant_patches` say what the numbers stand for. A node has the number `account` besides and a
patch the number `kb`, which all of the same account or KB id share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from scanner.core.chunks import single
from scanner.core.state_names import REFRESHED_STATES
from scanner.core.tables import PATCHES
from scanner.reports.sql.coded_rows import NODE, coded, coded_rows, distinct_rows

#: The columns of `patches` that these tables have beside those of the node.
COLUMNS = (
    "kb_id",
    "title",
    "classification",
    "severity",
    "state",
    "cve_ids",
    "installed_time",
    "missing_since",
)
STATES = REFRESHED_STATES

#: The rows, where files hold patches as the first release did; those of a node have to lie together.
RELEVANT_ROWS = f"""
SELECT {", ".join((*NODE, *COLUMNS))} FROM patches
WHERE (list_contains($states, state) OR len(cve_ids) > 0) AND ($scan_id IS NULL OR scan_id = $scan_id)
ORDER BY {", ".join(NODE)}
"""  # noqa: S608 - our own words


#: The columns that tell which CVEs a patch fixes.
NAMES = ("kb_id", "title", "severity", "cve_ids")
NAMES_IN_OTHERS = f"""
SELECT DISTINCT {", ".join(NAMES)} FROM patches WHERE scan_id <> $scan_id AND len(cve_ids) > 0
"""  # noqa: S608 - our own words


def names(pieces: Iterable[pa.Table]) -> pa.Table:
    """Returns the distinct `NAMES` of these rows, as texts."""
    distinct = distinct_rows(pieces, NAMES)
    return pa.table([distinct.column(name).cast(PATCHES.field(name).type) for name in NAMES], list(NAMES))


def numbered(pieces: Iterable[pa.Table], columns: Sequence[str]) -> Mapping[str, pa.Table]:
    """Returns the tables, made of rows as `coded_rows` takes them."""
    tables = coded_rows(pieces, columns)
    return {
        "relevant_rows": tables.rows,
        "relevant_nodes": _with_numbers(tables.nodes, "node", "account_id", "account"),
        "relevant_patches": _with_numbers(tables.patches, "patch", "kb_id", "kb"),
    }


def as_coded(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Returns rows of `RELEVANT_ROWS` in these columns, with dictionaries in place of texts."""
    schema = coded((*NODE, *columns))
    return pa.table([single(rows.column(field.name)).cast(field.type) for field in schema], schema)


def _with_numbers(table: pa.Table, number: str, text: str, code: str) -> pa.Table:
    """Returns the table after the numbers of its rows, and of the texts of one of its columns."""
    numbers = pa.array(range(len(table)), pa.int32())
    codes = single(table.column(text)).indices
    # As texts: DuckDB refuses lists over a dictionary where all of them are empty.
    texts = [table.column(name).cast(PATCHES.field(name).type) for name in table.column_names]
    return pa.table([numbers, codes, *texts], [number, code, *table.column_names])
