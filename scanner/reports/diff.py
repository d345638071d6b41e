"""What changed between two scans, on the nodes that both of them read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
from msgspec import Struct

from scanner.core.errors import ConfigError
from scanner.core.scan_request import ScanRequest
from scanner.core.state_names import LACKING_STATES
from scanner.reports.diff_sql import COMPARED
from scanner.reports.lines import counted
from scanner.reports.sql.query import Parameters, Views

_PATCH_CHANGES = {
    "fixed": "fixed",
    "missing": "newly missing",
    "dropped": "neither missing nor installed any more",
    "changed": "changed otherwise",
}
_NODE_CHANGES = {"node_new": "new", "node_left": "gone", "node_status": "with another status"}


class Compared(Struct, frozen=True):
    """Nodes read by both scans, and nodes of which one of the two cannot tell."""

    compared: int
    untold: int


class Changes:
    """Counts the rows of `CHANGES` by their kind while they pass."""

    def __init__(self) -> None:
        self.by_kind: Counter[str] = Counter()

    def count(self, batch: pa.RecordBatch) -> None:
        """Take note of a batch."""
        self.by_kind.update(batch.column("change").to_pylist())


def parameters(before: str, after: str) -> Parameters:
    """What `CHANGES` needs to know of two scans by their ids."""
    return {"before": before, "after": after, "lacking": list(LACKING_STATES)}


async def compared(views: Views, before: str, after: str) -> Compared:
    """How many nodes of two open scans can be compared."""
    (row,) = (await views.fetch(COMPARED, {"before": before, "after": after})).to_pylist()
    return Compared(**row)


def check_comparable(before: str, asked_before: ScanRequest, after: str, asked_after: ScanRequest) -> None:
    """See to it that two scans asked for the same nodes and patches.

    Raises:
        ConfigError: they did not; what one left out would look like a change.
    """
    if (asked_before.nodes, asked_before.patches) != (asked_after.nodes, asked_after.patches):
        raise ConfigError(
            f"scans {before} and {after} were read with different filters of nodes or patches, so they cannot be "
            "compared; name two scans with the same filters"
        )


def sentences(changes: Mapping[str, int], nodes: Compared, before: str, after: str) -> Iterator[str]:
    """What changed, and of how many nodes nobody can tell."""
    patches = ", ".join(f"{changes.get(kind, 0):,} {words}" for kind, words in _PATCH_CHANGES.items())
    yield f"from {before} to {after}: patches {patches}, on {counted(nodes.compared, 'node')} that both read"
    others = ", ".join(f"{changes[kind]:,} {words}" for kind, words in _NODE_CHANGES.items() if changes.get(kind))
    if others:
        yield f"nodes {others}"
    if nodes.untold:
        yield f"it cannot tell of {counted(nodes.untold, 'node')}: not read, or without patch data, in one of the two"
