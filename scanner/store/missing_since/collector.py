"""Collects the history file and the statistics of a scan while its segments pass, in little memory."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.model import EpochMs
from scanner.core.scan_request import PatchFilters
from scanner.core.statistics import ScanStatistics
from scanner.store.missing_since.advance import advanced
from scanner.store.missing_since.dates import dated
from scanner.store.missing_since.figures import Figures
from scanner.store.missing_since.history_file import NODE, HistoryBytes
from scanner.store.missing_since.known_nodes import KnownNodes, NodeSet
from scanner.store.missing_since.node_numbers import keys_of
from scanner.store.missing_since.reading import Reading, reading
from scanner.store.relevant_rows import RelevantRows

#: How long a node is kept that its target does not list any more: it may be stopped, or filtered out, and come back.
KEPT_UNLISTED_MS = 90 * 24 * 60 * 60 * 1000


class Listed(Struct, frozen=True):
    """What a scan has listed: its nodes, in tables with `NODE`, and the targets that it listed to the end."""

    nodes: Collection[pa.Table]
    targets: Collection[tuple[str, str]]
    at: EpochMs


class Collector:
    """Takes the segments of one scan; `known` is what earlier scans have seen, `began_at` when it began.

    `relevant` are the rows of the segments that reports are made of.
    """

    def __init__(self, known: KnownNodes, patches: PatchFilters, began_at: EpochMs) -> None:
        self._known = known
        self._patches = patches
        self._bytes = HistoryBytes()
        self._figures = Figures(began_at)
        self.relevant = RelevantRows()
        self._done = NodeSet(len(known))  # whose rows are not copied

    def add(self, segment: pa.Table) -> pa.Table:
        """Adds a segment; returns it with the dates that earlier scans tell."""
        seen = dated(reading(segment, self._known, self._patches))
        self._take(seen)
        return seen.segment

    def date(self, segment: pa.Table) -> pa.Table:
        """Returns a segment with the dates that earlier scans tell, and adds nothing."""
        return dated(reading(segment, self._known, self._patches)).segment

    def add_dated(self, segment: pa.Table) -> None:
        """Adds a segment that has its dates."""
        self._take(reading(segment, self._known, self._patches))

    def _take(self, seen: Reading) -> None:
        rows, closed = advanced(seen)
        self._bytes.add(rows)
        self._figures.add(seen, closed)
        self.relevant.add(seen.segment)
        self._done.update(seen.numbers.filter(seen.is_latest).drop_null().to_pylist())

    def finish(self, listed: Listed) -> tuple[bytes, ScanStatistics]:
        """Returns the history file, with nodes that others read later or last as they were, and the statistics."""
        self._done.update(self._gone(listed))
        for rows in self._known.rows_without(self._done):
            self._bytes.add(rows)
        return self._bytes.finish(), self._figures.result()

    def _gone(self, listed: Listed) -> set[int]:
        """Returns nodes that were not read for long and are not listed any more, though their target was."""
        nodes = self._known.nodes
        unread_since = pc.less(nodes.column("read_at").cast(pa.int64()), listed.at - KEPT_UNLISTED_MS)
        old = pc.indices_nonzero(pc.fill_null(unread_since, False))
        if not len(old):
            return set()
        nodes = nodes.take(old)
        targets = zip(*(nodes.column(name).to_pylist() for name in NODE[:2]), strict=True)
        gone = {
            key: number
            for key, number, target in zip(keys_of(nodes), old.to_pylist(), targets, strict=True)
            if target in listed.targets
        }
        for table in listed.nodes if gone else ():
            for key in keys_of(table):
                gone.pop(key, None)
        return set(gone.values())
