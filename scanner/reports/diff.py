"""What changed between two scans, on the nodes that both of them read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.model import NodeStatus, TargetStatus
from scanner.core.scan_request import ScanRequest
from scanner.core.state_names import LACKING_STATES
from scanner.reports.diff_sql import COMPARED
from scanner.reports.lines import counted
from scanner.reports.sql.query import Parameters, Views
from scanner.reports.statuses import VERIFIED, WITH_ROWS, values

_PATCH_CHANGES = {
    "fixed": "fixed",
    "missing": "newly missing",
    "dropped": "superseded or withdrawn",
    "changed": "changed otherwise",
}
_NODE_CHANGES = {"node_new": "new", "node_left": "gone", "node_status": "with another status"}
_PAIR_STATUSES: Parameters = {"with_rows": values(WITH_ROWS), "scanned": TargetStatus.SCANNED.value}


class Compared(Struct, frozen=True):
    """Nodes with rows in both scans, and nodes for which one of the two has no answer."""

    compared: int
    not_comparable: int


class Changes:
    """Counts the rows of `CHANGES` by their kind while they pass."""

    def __init__(self) -> None:
        self.by_kind: Counter[str] = Counter()

    def count(self, batch: pa.RecordBatch) -> None:
        """Counts the rows of a batch."""
        self.by_kind.update(batch.column("change").to_pylist())


def parameters(before: str, after: str) -> Parameters:
    """Returns the parameters of `CHANGES` for two scans by their ids."""
    return {
        **_PAIR_STATUSES,
        "before": before,
        "after": after,
        "lacking": list(LACKING_STATES),
        "verified": values(VERIFIED),
    }


async def compared(views: Views, before: str, after: str) -> Compared:
    """Counts the nodes of two open scans that can be compared."""
    parameters = {**_PAIR_STATUSES, "before": before, "after": after, "gone": NodeStatus.GONE.value}
    (row,) = (await views.fetch(COMPARED, parameters)).to_pylist()
    return Compared(**row)


def check_comparable(before: str, asked_before: ScanRequest, after: str, asked_after: ScanRequest) -> None:
    """Refuses two scans with different filters.

    Raises:
        ConfigError: The filters differ, so what one left out would look like a change.
    """
    if (asked_before.nodes, asked_before.patches) != (asked_after.nodes, asked_after.patches):
        raise ConfigError(
            f"scans {before} and {after} were read with different filters of nodes or patches, so they cannot be "
            "compared; name two scans with the same filters"
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
