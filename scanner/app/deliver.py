"""Puts delivered nodes into the store first, then counts them and sends them to the live sinks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import pyarrow as pa
from anyio import to_thread
from msgspec import structs

from scanner.app.resume import ActiveScan
from scanner.core.errors import StoreError
from scanner.core.interfaces import NodeBatch
from scanner.core.model import NodeScan, NodeStatus
from scanner.core.tables import batch_of, segment_table
from scanner.reports.tally import Tally
from scanner.sinks.fan_out import GuardedSinks
from scanner.store.history import History
from scanner.store.store import Store


class Delivery:
    """Takes the nodes of one scan, in groups that become a segment each.

    `carried_rows` counts the patch rows that `carry_over` took from earlier scans, by (account id, Region).
    """

    def __init__(self, store: Store, scan: ActiveScan, live: GuardedSinks) -> None:
        self.store = store
        self.scan = scan
        self.live = live
        self.tally = Tally(scan.settings.stale_after_days)
        self.carried_rows: Counter[tuple[str, str]] = Counter()
        self._unchanged: list[NodeScan] = []

    async def put(self, scans: Sequence[NodeScan]) -> None:
        """Makes these nodes durable, then passes them on; unchanged ones wait for `carry_over`.

        Raises:
            StoreError: they could not be stored.
        """
        self._unchanged += [scan for scan in scans if scan.status is NodeStatus.UNCHANGED]
        fresh = [scan for scan in scans if scan.status is not NodeStatus.UNCHANGED]
        if fresh:
            await self._put_table(await to_thread.run_sync(partial(segment_table, self.scan.scan_id, fresh)))

    async def carry_over(self, history: History) -> None:
        """Gives the unchanged nodes the rows that are stored for them, one stored segment at a time.

        A node whose stored rows are damaged ends as `failed`: its patch state was read, its rows were not.

        Raises:
            StoreError: they could not be stored.
        """
        unchanged, self._unchanged = self._unchanged, []
        for segment, scans in history.by_segment(unchanged).items():
            try:
                table = await history.renewed(segment, self.scan.scan_id, scans)
            except StoreError as error:
                reason = f"its rows could not be carried over: {error}; scan in full mode"
                await self.put([structs.replace(scan, status=NodeStatus.FAILED, reason=reason) for scan in scans])
                continue
            await self._put_table(table)
            for account_id, region, rows in zip(*_columns(table), strict=True):
                self.carried_rows[account_id, region] += rows

    async def repeat(self) -> None:
        """Passes on what an interrupted run stored, so that a live sink gets the whole scan."""
        async with aclosing(self.scan.stored.replay()) as batches:
            async for batch in batches:
                await self._pass_on(batch)

    async def _put_table(self, table: pa.Table) -> None:
        table = await self.scan.stored.dated(table)
        await self.scan.stored.add_segment(table)
        await self._pass_on(await to_thread.run_sync(batch_of, table))

    async def _pass_on(self, batch: NodeBatch) -> None:
        await self.tally.count(batch)
        await self.live.write(batch)


def _columns(table: pa.Table) -> list[list[Any]]:
    return [table.column(name).to_pylist() for name in ("account_id", "region", "patch_rows")]
