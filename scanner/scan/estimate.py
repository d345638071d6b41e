"""Estimates the rows and calls of nodes from their patch states, without reading a patch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import ceil

from msgspec import Struct

from scanner.scan.verify import ROWS_A_PAGE, NodeWork, expected_rows


class Estimate(Struct, frozen=True):
    """The nodes and expected rows found on one page of nodes, and the calls to read their patches."""

    nodes: int = 0
    rows: int = 0
    patch_calls: int = 0

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.nodes + other.nodes, self.rows + other.rows, self.patch_calls + other.patch_calls)


def estimate(work: Iterable[NodeWork], states: Collection[str]) -> Estimate:
    """What these nodes hold: every node is asked at least once, then a call for each page of rows."""
    rows = [expected_rows(item, states) for item in work]
    return Estimate(len(rows), sum(rows), sum(max(1, ceil(count / ROWS_A_PAGE)) for count in rows))
