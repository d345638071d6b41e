"""Puts delivered nodes into the store first, then counts them and sends them to the live sinks.

A target is recorded as ended once all its nodes are durable: those that are carried over from earlier scans too.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

import pyarrow as pa
from anyio import to_thread
from msgspec import structs

from scanner.app.hub_calls import HubCalls
from scanner.app.outcomes import scope_of
from scanner.app.resume import ActiveScan
from scanner.app.waiting_nodes import CARRIED, WaitingNodes, store_groups
from scanner.core.heap import trim_heap
from scanner.core.interfaces import NodeBatch
from scanner.core.model import NodeScan, TargetOutcome
from scanner.core.tables import batch_of, coded_segment_table
from scanner.reports.scan_result import NodeGaps
from scanner.reports.stored_gaps import add_gaps
from scanner.reports.tally import Tally
from scanner.scan.filter_measure import FilterMeasure
from scanner.sinks.fan_out import GuardedSinks
from scanner.store.history import History
from scanner.store.store import Store

#: A worker that reads 200,000 nodes has 277 to 295 MB at most without it, and 265 with it.
THIN_FILES_A_TRIM = 4


class Delivery:
    """Takes the nodes of one scan, in groups that become a segment each, and the outcomes of its targets.

    `live` is None in a worker, which counts nothing either: the scan is counted from its segments when it is finished.
    """

    def __init__(self, store: Store, scan: ActiveScan, live: GuardedSinks | None) -> None:
        self.store = store
        self.scan = scan
        self._live = live
        self.tally = Tally(scan.settings.stale_after_days, scan.clock)
        self.gaps = NodeGaps(scope_of(scan.settings))
        self.hub = HubCalls()
        self.filtering = FilterMeasure()
        self._flush_rows = scan.settings.store.flush_rows
        self._waiting: WaitingNodes | None = None
        self._thin_from: History | None = None
        self._thin_files = 0
        self._ended_later: list[TargetOutcome] = []

    def carry_from(self, history: History) -> None:
        """Takes rows from these earlier scans; without it no node may need that.

        A worker stores such nodes without rows: others may have nodes that take theirs from the same segments.
        """
        if self._live is None:
            self._thin_from = history
            return
        done = {key: target.instance_ids for key, target in self.scan.done.targets.items()}
        self._waiting = WaitingNodes(history, done)

    async def put(self, scans: Sequence[NodeScan], ended: Sequence[TargetOutcome] = ()) -> None:
        """Makes these nodes durable, then passes them on and records the targets that ended with them.

        Nodes whose rows are carried over may wait for others, and so do the records of their targets.

        Raises:
            StoreError: they could not be stored.
        """
        ids = [(scan.target, scan.node.instance_id) for scan in scans] if self._waiting is not None else []
        fresh = await self._table([scan for scan in scans if scan.status not in CARRIED])
        carried = await self._table([scan for scan in scans if scan.status in CARRIED])
        del scans  # their rows are in the tables by now: 15 MB of 100,000 rows would be held twice
        if fresh is not None:
            await self._put_table(fresh)
        if carried is not None and self._thin_from is not None:
            await self._put_thin(self._thin_from, carried)
        if self._waiting is not None:
            if carried is not None:
                self._waiting.add(carried)
            self._waiting.deliver(ids)
            await store_groups(self._waiting.take_complete(), self._flush_rows, self._put_table)
        await self._record([*self._ended_later, *ended])

    async def carry_over(self) -> None:
        """Gives the nodes that still wait the rows that are stored for them, and records their targets.

        Raises:
            StoreError: they could not be stored.
        """
        if self._waiting is not None:
            await store_groups(self._waiting.take_all(), self._flush_rows, self._put_table)
        await self._record(self._ended_later)

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
        """Records these targets, save those of which nodes still wait."""
        waiting = set() if self._waiting is None else self._waiting.targets
        self._ended_later = [each for each in ended if _key(each) in waiting]
        now = [self._whole(each) for each in ended if _key(each) not in waiting]
        if now:
            await self.scan.stored.writer.add_ended(now, self.hub.take())

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

    async def _table(self, scans: Sequence[NodeScan]) -> pa.Table | None:
        """Returns the segment table of these nodes, None of none."""
        if not scans:
            return None
        return await to_thread.run_sync(coded_segment_table, self.scan.scan_id, scans)

    async def _put_table(self, table: pa.Table) -> None:
        table = await self.scan.stored.writer.add_nodes(table)
        if self._live is not None:
            await self._pass_on(await to_thread.run_sync(batch_of, table))

    async def _put_thin(self, history: History, table: pa.Table) -> None:
        earlier = [history.earlier(segment).entry for segment in history.segments_of(table)]
        await self.scan.stored.writer.add_thin(table, earlier)
        self._thin_files += 1
        if self._thin_files % THIN_FILES_A_TRIM == 0:
            trim_heap()

    async def _pass_on(self, batch: NodeBatch) -> None:
        await self.tally.count(batch)
        add_gaps(self.gaps, batch.nodes)
        if self._live is not None:
            await self._live.write(batch)


def _key(outcome: TargetOutcome) -> tuple[str, str]:
    return outcome.target.account_id, outcome.target.region
