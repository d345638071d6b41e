"""Puts numbers in place of the texts of history rows, so that those of a large fleet are small and quick to compare."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.coded_rows import NODE, distinct
from scanner.core.column import TIME
from scanner.reports.changed_rows.node_runs import node_keys, node_numbers

_OF_PATCH = ("kb_id", "title", "severity", "state")
_SINCE = "package_missing_since"
#: The columns of a history that are read.
HISTORY_COLUMNS = (*NODE, *_OF_PATCH, _SINCE)
#: A row in 17 bytes: the numbers of its node and its patch, since when a package is lacking, and of which scan it is.
CODED_HISTORY = pa.schema([("node", pa.int32()), ("patch", pa.int32()), ("since", TIME), ("is_after", pa.bool_())])


class HistoryCodes:
    """Numbers the patches of histories as they come; `nodes` are the nodes that matter, each with its `node`."""

    def __init__(self, nodes: pa.Table) -> None:
        self._nodes = node_numbers(nodes)
        self._patches: dict[tuple[str | None, ...], int] = {}

    def encode(self, rows: pa.Table, *, is_after: bool) -> pa.Table:
        """Returns `CODED_HISTORY` rows of `HISTORY_COLUMNS`, whose texts are dictionaries: those that have a patch."""
        rows = rows.filter(pc.is_valid(rows.column("kb_id")))
        of_node, nodes = distinct(rows.select(NODE))
        of_patch, patches = distinct(rows.select(_OF_PATCH))
        numbers = [self._nodes.get(key) for key in node_keys(nodes)]
        columns = [
            pa.array(numbers, pa.int32()).take(of_node),
            pa.array(map(self._number, *_values(patches)), pa.int32()).take(of_patch),
            rows.column(_SINCE),
            pa.repeat(pa.scalar(is_after), len(rows)),
        ]
        known = pa.table(columns, CODED_HISTORY)
        return known.filter(pc.is_valid(known.column("node"))) if None in numbers else known

    def patches(self) -> pa.Table:
        """Returns the number of each patch as `patch`, with its texts."""
        columns = zip(*self._patches, strict=True) if self._patches else [()] * len(_OF_PATCH)
        texts = [pa.array(column, pa.string()) for column in columns]
        return pa.table([pa.array(range(len(self._patches)), pa.int32()), *texts], ["patch", *_OF_PATCH])

    def _number(self, *patch: str | None) -> int:
        return self._patches.setdefault(patch, len(self._patches))


def _values(rows: pa.Table) -> list[list[str | None]]:
    return [column.cast(pa.string()).to_pylist() for column in rows.columns]
