"""Puts delivered nodes into the store first, then counts them and sends them to the live sinks.

A target is recorded as ended once all its nodes are durable: those that are carried over from earlier scans too.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

import pyarrow as pa
from anyio import to_thread
from msgspec import structs

from scanner.app.hub_calls import HubCalls
from scanner.app.resume import ActiveScan
from scanner.core.errors import StoreError
from scanner.core.interfaces import NodeBatch
from scanner.core.model import NodeScan, NodeStatus, TargetOutcome
from scanner.core.tables import batch_of, segment_table
from scanner.reports.tally import Tally
from scanner.sinks.fan_out import GuardedSinks
from scanner.store.history import History
from scanner.store.store import Store


class Delivery:
    """Takes the nodes of one scan, in groups that become a segment each, and the outcomes of its targets."""

    def __init__(self, store: Store, scan: ActiveScan, live: GuardedSinks) -> None:
        self.store = store
        self.scan = scan
        self.live = live
        self.tally = Tally(scan.settings.stale_after_days)
        self.hub = HubCalls()
        self._unchanged: list[NodeScan] = []
        self._ended_later: list[TargetOutcome] = []

    async def put(self, scans: Sequence[NodeScan], ended: Sequence[TargetOutcome] = ()) -> None:
        """Makes these nodes durable, then passes them on and records the targets that ended with them.

        Unchanged nodes wait for `carry_over`, and so do the records of their targets.

        Raises:
            StoreError: they could not be stored.
        """
        self._unchanged += [scan for scan in scans if scan.status is NodeStatus.UNCHANGED]
        fresh = [scan for scan in scans if scan.status is not NodeStatus.UNCHANGED]
        if fresh:
            await self._put_table(await to_thread.run_sync(partial(segment_table, self.scan.scan_id, fresh)))
        waiting = {scan.target for scan in self._unchanged}
        self._ended_later += [outcome for outcome in ended if outcome.target in waiting]
        await self._record([outcome for outcome in ended if outcome.target not in waiting])

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
        ended, self._ended_later = self._ended_later, []
        await self._record(ended)

    async def end(self, notes: Sequence[str] = ()) -> None:
        """Records what is left to say once every target has ended: notes, and requests that belong to no target."""
        calls = self.hub.take()
        notes = [*notes, *(f"missing since: {problem}" for problem in self.scan.stored.writer.history.problems)]
        if notes or calls.requests:
            await self.scan.stored.writer.add_ended([], calls, notes)

    async def repeat(self) -> None:
        """Passes on what an interrupted run stored, so that a live sink gets the whole scan."""
        async with aclosing(self.scan.stored.replay()) as batches:
            async for batch in batches:
                await self._pass_on(batch)

    async def _record(self, ended: Sequence[TargetOutcome]) -> None:
        if ended:
            await self.scan.stored.writer.add_ended([self._whole(each) for each in ended], self.hub.take())

    def _whole(self, outcome: TargetOutcome) -> TargetOutcome:
        """Returns the outcome with the nodes that an earlier run of the scan delivered."""
        earlier = self.scan.done.targets.get((outcome.target.account_id, outcome.target.region))
        if earlier is None:
            return outcome
        return structs.replace(
            outcome,
            nodes=outcome.nodes + len(earlier.instance_ids),
            patch_rows=outcome.patch_rows + earlier.patch_rows,
        )

    async def _put_table(self, table: pa.Table) -> None:
        table = await self.scan.stored.writer.add_nodes(table)
        await self._pass_on(await to_thread.run_sync(batch_of, table))

    async def _pass_on(self, batch: NodeBatch) -> None:
        await self.tally.count(batch)
        await self.live.write(batch)
