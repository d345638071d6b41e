"""Estimates what a scan would take, from what was found without reading a patch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import ceil

from msgspec import Struct

from scanner.config import LimitSettings
from scanner.model import Target, TargetStatus
from scanner.node import ROWS_A_PAGE, NodeWork, expected_rows

NODES_A_PAGE = 50


class PlannedTarget(Struct, frozen=True):
    """What one target would take: `calls` in all, `minutes` by its busiest operation at the rate given."""

    target: Target
    status: TargetStatus
    reason: str | None
    nodes: int
    rows: int
    calls: int
    minutes: float


class Plan(Struct, frozen=True):
    """What a scan would take within these limits. Targets run side by side, so the slowest sets the time."""

    targets: tuple[PlannedTarget, ...]
    limits: LimitSettings

    @property
    def nodes(self) -> int:
        return sum(target.nodes for target in self.targets)

    @property
    def rows(self) -> int:
        return sum(target.rows for target in self.targets)

    @property
    def calls(self) -> int:
        return sum(target.calls for target in self.targets)

    @property
    def minutes(self) -> float:
        return max((target.minutes for target in self.targets), default=0.0)


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


def planned(
    target: Target, status: TargetStatus, reason: str | None, found: Estimate, rate_per_s: float
) -> PlannedTarget:
    """The cost of a target.

    Besides the patches: the node listing, the patch states before, and about as many again for second looks. Each
    operation has a rate of its own, so DescribeInstancePatches alone sets the time.
    """
    pages = max(1, ceil(found.nodes / NODES_A_PAGE))
    calls = found.patch_calls + (3 * pages if found.nodes else 1)
    minutes = found.patch_calls / rate_per_s / 60
    return PlannedTarget(target, status, reason, found.nodes, found.rows, calls, minutes)
