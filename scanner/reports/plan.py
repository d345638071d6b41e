"""What a scan would take: nodes, calls and time, target by target."""

from __future__ import annotations

from math import ceil

from msgspec import Struct

from scanner.core.instances import INSTANCES_A_PAGE
from scanner.core.model import Scope, Target, TargetStatus
from scanner.core.settings import CoverageSettings, LimitSettings, Settings

NODES_A_PAGE = 50


class PatchCalls(Struct, frozen=True):
    """The calls for the patches of a target: they differ as long as it is not known how AWS filters."""

    fewest: int
    most: int


class PlannedTarget(Struct, frozen=True):
    """What one target would take: `calls` in all, `minutes` by its busiest operation at the rate given.

    Both hold where AWS filters patches before it cuts a listing into pages, or as it was measured; `most_calls` and
    `most_minutes` where it filters after that.
    """

    target: Target
    status: TargetStatus
    reason: str | None
    nodes: int
    rows: int
    calls: int
    minutes: float
    most_calls: int
    most_minutes: float


class Plan(Struct, frozen=True):
    """What a scan would take within these limits. Targets run side by side, so the slowest sets the time."""

    targets: tuple[PlannedTarget, ...]
    limits: LimitSettings
    scope: Scope

    @property
    def gaps(self) -> list[PlannedTarget]:
        """Returns the targets that would keep a scan from being complete."""
        return [target for target in self.targets if self.scope.is_gap(target.status)]

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
    def most_calls(self) -> int:
        return sum(target.most_calls for target in self.targets)

    @property
    def minutes(self) -> float:
        return max((target.minutes for target in self.targets), default=0.0)

    @property
    def most_minutes(self) -> float:
        return max((target.most_minutes for target in self.targets), default=0.0)


def planned(
    target: Target,
    status: TargetStatus,
    reason: str | None,
    *,
    nodes: int,
    rows: int,
    patch_calls: PatchCalls,
    settings: Settings,
) -> PlannedTarget:
    """Returns the cost of a target.

    Besides the patches: the node listing, the patch states before, about as many again for second looks, and what else
    is asked about machines. Each operation has a rate of its own, so DescribeInstancePatches alone sets the time.
    """
    calls = 3 * _pages(nodes, NODES_A_PAGE) if nodes else 1
    if status is TargetStatus.SCANNED:
        calls += source_calls(settings.coverage, nodes)
    a_minute = settings.limits.rate_per_s * 60
    return PlannedTarget(
        target,
        status,
        reason,
        nodes,
        rows,
        calls=calls + patch_calls.fewest,
        minutes=patch_calls.fewest / a_minute,
        most_calls=calls + patch_calls.most,
        most_minutes=patch_calls.most / a_minute,
    )


def source_calls(coverage: CoverageSettings, nodes: int) -> int:
    """Returns the fewest calls for what else is asked in a target with so many nodes.

    One for 500 instances and for 50 inventory nodes; for baselines their list and, where there are nodes, one of them.
    How many machines there are besides, how many baselines and hybrid nodes, only the scan finds out.
    """
    calls = 0
    if coverage.ec2 != "off":
        calls += _pages(nodes, INSTANCES_A_PAGE)
    if coverage.inventory != "off":
        calls += _pages(nodes, NODES_A_PAGE)
    if coverage.baselines != "off" and nodes:
        calls += 2
    return calls


def _pages(items: int, a_page: int) -> int:
    return max(1, ceil(items / a_page))
