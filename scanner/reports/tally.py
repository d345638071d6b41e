"""Counts a scan's nodes by status and its missing and failed patches while their batches pass by."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread

from scanner.core.chunks import single
from scanner.core.interfaces import Clock, NodeBatch
from scanner.core.model import EpochMs, NodeStatus
from scanner.core.repeated import are_among
from scanner.reports.staleness import StaleReason, stale_reason
from scanner.reports.statuses import VERIFIED, values

_STALE_COLUMNS = ("operation_end_time", "ping_status", "last_successful_association_time")
#: What is looked at of nodes and of patches, and the states of patches that count.
TALLY_NODES = ("account_id", "status", "installed_as_of", *_STALE_COLUMNS)
TALLY_PATCHES = ("state", "severity")
TALLY_STATES = ("MISSING", "FAILED")
_GROUPED = ("account_id", "state", "severity")
NO_SEVERITY = "no severity"  # stands for a patch to which AWS gives none


class Tally:
    """Holds the counts; its memory does not grow with the nodes.

    `missing` and `failed` count patches by severity, as AWS writes it; `lacking_by_account` counts both together.
    `stale` counts the verified nodes whose data was older than `stale_after_days` when they were counted.
    `oldest_installed` is the earliest date of the installed patches of a refreshed node; None: no node was refreshed.
    """

    def __init__(self, stale_after_days: int = 7, now: Clock = time.time) -> None:
        self._stale_after_days = stale_after_days
        self._now = now
        self.nodes: Counter[NodeStatus] = Counter()
        self.stale: Counter[StaleReason] = Counter()
        self.missing: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.lacking_by_account: Counter[str] = Counter()
        self.oldest_installed: EpochMs | None = None

    async def count(self, batch: NodeBatch) -> None:
        """Counts the nodes and patches of a batch, in a worker thread: a batch has tens of thousands of rows."""
        await to_thread.run_sync(self._count, batch)

    def _count(self, batch: NodeBatch) -> None:
        by_severity = dict(zip(TALLY_STATES, (self.missing, self.failed), strict=True))
        for (account_id, state, severity), patches in _groups(_lacking(batch.patches), *_GROUPED):
            by_severity[str(state)][severity or NO_SEVERITY] += patches
            self.lacking_by_account[str(account_id)] += patches
        for (status,), nodes in _groups(batch.nodes, "status"):
            self.nodes[NodeStatus(str(status))] += nodes
        self.stale.update(self._stale_nodes(batch.nodes))
        refreshed = batch.nodes.filter(pc.equal(batch.nodes.column("status"), NodeStatus.REFRESHED.value))
        dates = [*_plain(refreshed, "installed_as_of"), self.oldest_installed]
        self.oldest_installed = min((date for date in dates if date is not None), default=None)

    def _stale_nodes(self, nodes: pa.Table) -> Iterator[StaleReason]:
        now = int(self._now() * 1000)
        verified = nodes.filter(pc.is_in(nodes.column("status"), pa.array(values(VERIFIED))))
        for ended, ping_status, associated in zip(*(_plain(verified, name) for name in _STALE_COLUMNS), strict=True):
            reason = stale_reason(
                operation_end_time=ended,
                ping_status=ping_status,
                last_successful_association_time=associated,
                read_at=now,
                now=now,
                stale_after_days=self._stale_after_days,
            )
            if reason is not None:
                yield reason


def _lacking(patches: pa.Table) -> pa.Table:
    """Returns what is counted of the rows in `TALLY_STATES`: grouping the others too would take thrice as long."""
    is_lacking = are_among(single(patches.column("state")), TALLY_STATES)
    return patches.select(_GROUPED).take(pc.indices_nonzero(is_lacking))


def _plain(table: pa.Table, name: str) -> list[Any]:
    """Returns the values of a column, times as epoch milliseconds."""
    column = table.column(name)
    plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return list(plain.to_pylist())


def _groups(table: pa.Table, *columns: str) -> Iterator[tuple[tuple[str | None, ...], int]]:
    """Yields each combination of values with how many rows have it."""
    grouped = table.group_by(list(columns)).aggregate([([], "count_all")]).to_pydict()
    yield from zip(zip(*(grouped[name] for name in columns), strict=True), grouped["count_all"], strict=True)
