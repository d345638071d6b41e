"""Decides which rows of a scan's segments count, from the keys of the nodes alone, never from their patches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.model import NodeStatus

TargetKey = tuple[str, str]  # (account_id, region)
Rows = Mapping[int, set[int]]  # Row numbers by segment number
NO_ROWS: Rows = {}

_NODE = ["account_id", "region", "instance_id"]
_DELIVERED = frozenset(status.value for status in NodeStatus if status.is_delivered)
_DELIVERED_VALUES = pa.array(sorted(_DELIVERED))


class DoneTarget(Struct, frozen=True):
    """What of a target is delivered already: its nodes, how many of each status, their patch rows and baselines."""

    instance_ids: frozenset[str]
    nodes: Mapping[str, int]
    patch_rows: int
    baseline_ids: frozenset[str] = frozenset()


class _Row(Struct, frozen=True):
    node: tuple[str, str, str]
    status: str
    scanned_at: int
    segment: int
    row: int

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """Returns a key whose smallest row is kept: delivered before gap, the earlier delivery, the later gap."""
        is_gap = self.status not in _DELIVERED
        return is_gap, -self.scanned_at if is_gap else self.scanned_at, self.segment, self.row


def duplicate_rows(keys: Sequence[pa.Table], left_out: Rows = NO_ROWS) -> Rows:
    """Returns the rows to leave out, besides those left out already, so that every node is there once.

    Of a node's rows a delivered one is kept before a gap; of two delivered ones the earlier, of two gaps the later.
    """
    rivals: dict[tuple[str, str, str], list[_Row]] = defaultdict(list)
    for row in _rows_of_repeated_nodes(keys, left_out):
        rivals[row.node].append(row)
    surplus: dict[int, set[int]] = defaultdict(set)
    for rows in rivals.values():
        for row in sorted(rows, key=lambda row: row.rank)[1:]:
            surplus[row.segment].add(row.row)
    return surplus


def _rows_of_repeated_nodes(keys: Sequence[pa.Table], left_out: Rows) -> Iterator[_Row]:
    if not keys:
        return
    numbered = [without(_numbered(table, number), left_out.get(number, ())) for number, table in enumerate(keys)]
    everything = pa.concat_tables(numbered)
    counts = everything.group_by(_NODE).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts.column("count_all"), 1)).select(_NODE)
    if not len(twice):
        return
    columns = everything.join(twice, keys=_NODE, join_type="left semi").to_pydict()
    nodes = zip(*(columns[name] for name in _NODE), strict=True)
    rest = (columns[name] for name in ("status", "scanned_at", "segment", "row"))
    yield from (_Row(*row) for row in zip(nodes, *rest, strict=True))


def _numbered(keys: pa.Table, segment: int) -> pa.Table:
    """Returns the keys of a segment with the numbers of the segment and of each row."""
    return pa.table(
        {
            **{name: keys.column(name) for name in (*_NODE, "status")},
            "scanned_at": keys.column("scanned_at").cast(pa.int64()),
            "segment": pa.array([segment] * len(keys), pa.int64()),
            "row": pa.array(range(len(keys)), pa.int64()),
        }
    )


def of_targets(keys: pa.Table, targets: Collection[TargetKey]) -> pa.Table:
    """Returns the rows of nodes that belong to these targets, in their order."""
    pairs = pc.binary_join_element_wise(keys.column("account_id"), keys.column("region"), "/")
    return keys.filter(pc.is_in(pairs, value_set=pa.array(map("/".join, targets), pa.string())))


def gap_rows(keys: Sequence[pa.Table]) -> Rows:
    """Returns the rows of nodes that were not delivered, which a resumed scan reads again."""
    rows = {number: set(pc.indices_nonzero(is_gap(table)).to_pylist()) for number, table in enumerate(keys)}
    return {number: gaps for number, gaps in rows.items() if gaps}


def is_gap(keys: pa.Table) -> pa.ChunkedArray:
    return pc.invert(pc.is_in(keys.column("status"), value_set=_DELIVERED_VALUES))


def joined(first: Rows, second: Rows) -> Rows:
    """Returns the rows that are in either."""
    return {number: {*first.get(number, ()), *second.get(number, ())} for number in {*first, *second}}


def without(keys: pa.Table, surplus: Collection[int]) -> pa.Table:
    """Returns the rows of a table that are not among the surplus, in their order."""
    if not surplus:
        return keys
    return keys.take(pa.array([row for row in range(len(keys)) if row not in surplus], pa.int64()))


def done_targets(keys: Sequence[pa.Table], left_out: Rows = NO_ROWS) -> dict[TargetKey, DoneTarget]:
    """Returns the delivered nodes of each target, of the rows that are not left out."""
    ids: dict[TargetKey, set[str]] = defaultdict(set)
    statuses: dict[TargetKey, Counter[str]] = defaultdict(Counter)
    patch_rows: Counter[TargetKey] = Counter()
    baseline_ids: dict[TargetKey, set[str]] = defaultdict(set)
    for number, table in enumerate(keys):
        kept = without(table, left_out.get(number, ()))
        columns = kept.filter(pc.invert(is_gap(kept))).to_pydict()
        for account_id, region, instance_id, status, rows, baseline_id in zip(
            *(columns[name] for name in (*_NODE, "status", "patch_rows", "baseline_id")), strict=True
        ):
            target = (account_id, region)
            ids[target].add(instance_id)
            statuses[target][status] += 1
            patch_rows[target] += rows
            if baseline_id is not None:
                baseline_ids[target].add(baseline_id)
    return {
        target: DoneTarget(
            frozenset(ids[target]), statuses[target], patch_rows[target], frozenset(baseline_ids[target])
        )
        for target in ids
    }


def status_counts(keys: Sequence[pa.Table]) -> dict[str, int]:
    """Returns how many nodes ended with each status, all statuses named."""
    counts = Counter({status.value: 0 for status in NodeStatus})
    for table in keys:
        counts.update({row["values"]: row["counts"] for row in table.column("status").value_counts().to_pylist()})
    return dict(counts)


def patch_row_count(keys: Sequence[pa.Table]) -> int:
    """Returns the number of patch rows of these nodes."""
    return sum(pc.sum(table.column("patch_rows")).as_py() or 0 for table in keys)
