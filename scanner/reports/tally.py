"""Counts a scan's nodes by status and its missing and failed patches while their batches pass by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
from anyio import to_thread

from scanner.core.interfaces import NodeBatch
from scanner.core.model import NodeStatus

NO_SEVERITY = "no severity"  # stands for a patch to which AWS gives none


class Tally:
    """Holds the counts; its memory does not grow with the nodes.

    `missing` and `failed` count patches by severity, as AWS writes it; `lacking_by_account` counts both together.
    """

    def __init__(self) -> None:
        self.nodes: Counter[NodeStatus] = Counter()
        self.missing: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.lacking_by_account: Counter[str] = Counter()

    async def count(self, batch: NodeBatch) -> None:
        """Counts the nodes and patches of a batch, in a worker thread: a batch has up to 50,000 rows."""
        await to_thread.run_sync(self._count, batch)

    def _count(self, batch: NodeBatch) -> None:
        by_severity = {"MISSING": self.missing, "FAILED": self.failed}
        for (account_id, state, severity), patches in _groups(batch.patches, "account_id", "state", "severity"):
            if state in by_severity:
                by_severity[state][severity or NO_SEVERITY] += patches
                self.lacking_by_account[str(account_id)] += patches
        for (status,), nodes in _groups(batch.nodes, "status"):
            self.nodes[NodeStatus(str(status))] += nodes


def _groups(table: pa.Table, *columns: str) -> Iterator[tuple[tuple[str | None, ...], int]]:
    """Yields each combination of values with how many rows have it."""
    grouped = table.group_by(list(columns)).aggregate([([], "count_all")]).to_pydict()
    yield from zip(zip(*(grouped[name] for name in columns), strict=True), grouped["count_all"], strict=True)
