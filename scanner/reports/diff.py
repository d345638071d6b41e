"""What changed between two scans, on the nodes that both of them read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.comparable import ComparablePart
from scanner.core.errors import ConfigError
from scanner.core.model import EpochMs, NodeStatus, TargetStatus
from scanner.reports.diff_sql import COMPARED, PAIRED
from scanner.reports.lines import counted
from scanner.reports.sql.query import Views
from scanner.reports.staleness import StaleReason, stale_parameters
from scanner.reports.statuses import WITH_ROWS, values

_PATCH_CHANGES = {
    "fixed": "fixed",
    "missing": "newly missing",
    "dropped": "superseded or withdrawn",
    "changed": "changed otherwise",
}
_NODE_CHANGES = {"node_new": "new", "node_left": "gone", "node_status": "with another status"}


class ScanPair(Struct, frozen=True):
    """Two scans by their ids, the earlier first; `ended_at` is the end of the later one."""

    before: str
    after: str
    ended_at: EpochMs
    stale_after_days: int = 7


class Compared(Struct, frozen=True):
    """Nodes with rows in both scans, and nodes for which there is no answer.

    `not_comparable` ones have no rows in one of the two. `stale` counts, by the reason for it, those whose data was
    already old in the later scan: what changed there since is unknown. Changes up to then are still listed.
    """

    compared: int
    not_comparable: int
    stale: dict[str, int] = {}

    @property
    def covers_all_nodes(self) -> bool:
        """Returns whether every node could be compared."""
        return not self.not_comparable and not self.stale


class Changes:
    """Counts changes by their kind, which the column of this name has, while they pass."""

    def __init__(self, column: str = "change") -> None:
        self._column = column
        self.by_kind: Counter[str] = Counter()

    def count(self, batch: pa.RecordBatch) -> None:
        """Counts the rows of a batch."""
        for kind in pc.value_counts(batch.column(self._column)):
            self.by_kind[kind["values"].as_py()] += kind["counts"].as_py()


async def paired_nodes(views: Views, pair: ScanPair) -> pa.Table:
    """Returns the nodes of two open scans as `PAIRED` has them, numbered as `node`, and makes the table `paired`."""
    given = {
        **stale_parameters(pair.ended_at, pair.stale_after_days),
        "with_rows": values(WITH_ROWS),
        "scanned": TargetStatus.SCANNED.value,
        "before": pair.before,
        "after": pair.after,
    }
    nodes = (await views.fetch(PAIRED, given)).combine_chunks()
    nodes = nodes.append_column("node", pa.array(range(len(nodes)), pa.int32()))
    await views.add_tables({"paired": nodes})
    return nodes


async def compared(views: Views) -> Compared:
    """Counts the nodes of the table `paired` that can be compared."""
    (row,) = (await views.fetch(COMPARED, {"gone": NodeStatus.GONE.value})).to_pylist()
    return Compared(row["compared"], row["not_comparable"], dict(row["stale"] or []))


def check_comparable(scopes: Mapping[str, ComparablePart | None]) -> None:
    """Refuses two scans of different scopes or filters.

    Raises:
        ConfigError: They differ, so what one left out would look like a change.
    """
    (before, first), (after, second) = scopes.items()
    if first != second:
        what = "scope" if first is None or second is None or first.scope != second.scope else "filters"
        raise ConfigError(
            f"scans {before} and {after} differ in {what}, so they cannot be compared; name two scans with the same "
            "scope and filters, see: patchsweep scans"
        )


def sentences(changes: Mapping[str, int], nodes: Compared, before: str, after: str) -> Iterator[str]:
    """Yields the changes in numbers, then the nodes that could not be compared."""
    patches = ", ".join(f"{changes.get(kind, 0):,} {words}" for kind, words in _PATCH_CHANGES.items())
    yield f"from {before} to {after}: patches {patches}, on {counted(nodes.compared, 'node')} read by both scans"
    others = ", ".join(f"{changes[kind]:,} {words}" for kind, words in _NODE_CHANGES.items() if changes.get(kind))
    if others:
        yield f"nodes {others}"
    if nodes.not_comparable:
        why = "not read, or without patch data, in one of the two scans"
        yield f"Unknown for {counted(nodes.not_comparable, 'node')}: {why}"
    for reason, count in nodes.stale.items():
        yield f"Unknown for {counted(count, 'node')}: {StaleReason(reason).sentence}"
