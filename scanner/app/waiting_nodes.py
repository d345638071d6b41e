"""Keeps delivered nodes whose rows, or some of them, have to come from segments of earlier scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.model import NodeStatus, Target
from scanner.store.carried_rows import without_carried_rows
from scanner.store.earlier_segment import EarlierSegment
from scanner.store.history import History
from scanner.store.node_index import TargetKey

#: The statuses of nodes whose rows, or some of them, are those of an earlier scan.
CARRIED = frozenset({NodeStatus.UNCHANGED, NodeStatus.REFRESHED})

_MOST_OF_FLUSH = 1.25


class WaitingGroup(Struct, frozen=True):
    """Waiting nodes, a segment table, whose rows lie in one earlier segment."""

    earlier: EarlierSegment
    nodes: pa.Table

    async def completed(self) -> pa.Table:
        """Returns the nodes with these rows; where the segment cannot be read, with what became of them instead."""
        try:
            return await self.earlier.carried(self.nodes)
        except StoreError as error:
            return without_carried_rows(self.nodes, str(error))


async def store_groups(
    groups: Iterable[WaitingGroup], flush_rows: int, put: Callable[[pa.Table], Awaitable[object]]
) -> None:
    """Completes nodes one stored segment at a time, and puts those of small segments together.

    A quarter more than `flush_rows` at most, unless one segment has more: two of nearly that many rows would take
    25 MB more at once than one.
    """
    tables: list[pa.Table] = []
    rows = 0
    for group in groups:
        completed = await group.completed()
        size = len(completed) + (pc.sum(completed["patch_rows"]).as_py() or 0)
        if tables and rows + size > flush_rows * _MOST_OF_FLUSH:
            await put(pa.concat_tables(tables))
            tables, rows = [], 0
        tables.append(completed)
        rows += size
        del completed
        if rows >= flush_rows:
            await put(pa.concat_tables(tables))
            tables, rows = [], 0
    if tables:
        await put(pa.concat_tables(tables))


class _Kept(Struct):
    """Nodes as they were added, with the earlier segment of each; None: it was taken."""

    segments: list[int | None]
    nodes: pa.Table


class WaitingNodes:
    """Gives nodes back, by earlier segment, as soon as none of the segment's nodes is still to be delivered.

    So each segment is read once, and a run that is killed has lost little. Nodes wait as Arrow tables, which take a
    third of the memory of the objects.
    """

    def __init__(self, history: History, done: Mapping[TargetKey, Collection[str]]) -> None:
        """Takes what earlier scans hold, and the nodes that an interrupted run delivered already."""
        self._history = history
        self._undelivered = history.nodes_by_segment()
        self._complete: list[int] = []
        self._kept: list[_Kept] = []
        self._by_target: Counter[TargetKey] = Counter()
        for (account_id, region), instance_ids in done.items():
            for instance_id in instance_ids:
                self._deliver(Target(account_id, region), instance_id)

    @property
    def targets(self) -> Collection[TargetKey]:
        """Returns the targets of which nodes wait."""
        return (+self._by_target).keys()

    def deliver(self, nodes: Iterable[tuple[Target, str]]) -> None:
        """Notes that these nodes, by target and instance id, are delivered, those that do not wait too."""
        for target, instance_id in nodes:
            self._deliver(target, instance_id)

    def _deliver(self, target: Target, instance_id: str) -> None:
        reading = self._history.reading(target, instance_id)
        if reading is not None:
            self._undelivered[reading.segment] -= 1
            if not self._undelivered[reading.segment]:
                self._complete.append(reading.segment)

    def add(self, nodes: pa.Table) -> None:
        """Keeps nodes, a segment table, until they are taken."""
        self._by_target.update(_targets(nodes))
        self._kept.append(_Kept(list(self._history.segments_of(nodes)), nodes))

    def take_complete(self) -> Iterator[WaitingGroup]:
        """Yields the waiting nodes of each segment all of whose nodes are delivered."""
        while self._complete:
            yield from self._take(self._complete.pop())

    def take_all(self) -> Iterator[WaitingGroup]:
        """Yields every node that still waits, segment by segment."""
        for segment in sorted({each for kept in self._kept for each in kept.segments if each is not None}):
            yield from self._take(segment)

    def _take(self, segment: int) -> Iterator[WaitingGroup]:
        parts = []
        for kept in self._kept:
            rows = [row for row, each in enumerate(kept.segments) if each == segment]
            if rows:
                parts.append(kept.nodes.take(pa.array(rows, pa.int64())))
                kept.segments = [None if each == segment else each for each in kept.segments]
        self._kept = [kept for kept in self._kept if any(each is not None for each in kept.segments)]
        if parts:
            nodes = pa.concat_tables(parts)
            self._by_target.subtract(_targets(nodes))
            yield WaitingGroup(self._history.earlier(segment), nodes)


def _targets(nodes: pa.Table) -> Iterator[TargetKey]:
    return zip(nodes["account_id"].to_pylist(), nodes["region"].to_pylist(), strict=True)
