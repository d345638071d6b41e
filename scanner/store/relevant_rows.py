"""Collects the rows that reports are made of while the segments of a scan pass, for files of their own.

A report would open every segment for them: of 100,000 nodes that takes 3 CPU s, these files 0.3.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.chunks import single
from scanner.core.coded_rows import NODE, PATCH, coded, distinct, unified
from scanner.core.relevant_rows import ROWS, TIMES, is_relevant
from scanner.core.repeated import few_texts
from scanner.store.parquet_groups import ParquetGroups
from scanner.store.segments import parquet_bytes

#: Members of a patch that these files have and the history does not.
OTHER_MEMBERS = ("installed_time", "cve_ids")
_CODED_NODES = coded(NODE)
#: Differences of neighbours: the numbers of nodes grow by 0 or 1. 4 million rows take 4 MB, and 5 without.
_ENCODINGS = {"node": "DELTA_BINARY_PACKED", "patch": "DELTA_BINARY_PACKED"}


class RelevantBytes(Struct, frozen=True):
    """The files of the tables that `scanner.core.relevant_rows` describes."""

    rows: bytes
    nodes: bytes
    patches: bytes


class RelevantRows:
    """Takes the segments of one scan, in which each node is once."""

    def __init__(self) -> None:
        self._rows = ParquetGroups(ROWS, TIMES, _ENCODINGS)
        self._nodes = ParquetGroups(_CODED_NODES, NODE)
        self._nodes_before = 0
        self._patches = coded(PATCH).empty_table()

    def add(self, segment: pa.Table) -> None:
        """Adds the relevant rows of a segment table that has its dates, and of its patches at least these."""
        nested = single(segment.column("patches"))
        rows = nested.flatten()
        at = pc.indices_nonzero(is_relevant(rows.field("state"), rows.field("cve_ids")))
        if not len(at):
            return
        owners = nested.value_parent_indices().take(at).dictionary_encode()
        nodes = segment.select(NODE).take(owners.dictionary)
        self._nodes.add(pa.table([few_texts(single(nodes.column(name))) for name in NODE], _CODED_NODES))
        node = pc.add(owners.indices, pa.scalar(self._nodes_before, pa.int32()))
        self._nodes_before += len(nodes)
        patch = self._numbers(pa.table([_coded(rows.field(name).take(at)) for name in PATCH], list(PATCH)))
        self._rows.add(pa.table([node, patch, *(rows.field(name).take(at) for name in TIMES)], ROWS))

    def _numbers(self, patches: pa.Table) -> pa.Array:
        """Returns the number of each patch; those that have none yet get the next ones."""
        # First the few different ones of this segment by their codes: to unify the texts of all takes twice as long.
        among_these, few = distinct(patches)
        few = pa.table([few_texts(single(few.column(name))) for name in PATCH], list(PATCH))
        known = len(self._patches)
        numbers, self._patches = distinct(unified([self._patches, few]))
        return numbers.slice(known).take(among_these)

    def finish(self) -> RelevantBytes:
        """Returns the files; nothing can be added any more."""
        patches = parquet_bytes(self._patches, [*PATCH[:-1], f"{PATCH[-1]}.list.element"])
        return RelevantBytes(self._rows.finish(), self._nodes.finish(), patches)


def _coded(column: pa.Array) -> pa.Array:
    """Returns texts, or lists of them, as dictionaries."""
    if pa.types.is_list(column.type):
        return pa.ListArray.from_arrays(column.offsets, column.values.dictionary_encode())
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
