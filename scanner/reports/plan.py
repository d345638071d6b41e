"""What a scan would take: nodes, calls and time, target by target."""

from __future__ import annotations

from math import ceil

from msgspec import Struct

from scanner.core.model import Scope, Target, TargetStatus
from scanner.core.settings import LimitSettings

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
    def minutes(self) -> float:
        return max((target.minutes for target in self.targets), default=0.0)


def planned(
    target: Target,
    status: TargetStatus,
    reason: str | None,
    *,
    nodes: int,
    rows: int,
    patch_calls: int,
    rate_per_s: float,
) -> PlannedTarget:
    """Returns the cost of a target.

    Besides the patches: the node listing, the patch states before, and about as many again for second looks. Each
    operation has a rate of its own, so DescribeInstancePatches alone sets the time.
    """
    pages = max(1, ceil(nodes / NODES_A_PAGE))
    calls = patch_calls + (3 * pages if nodes else 1)
    minutes = patch_calls / rate_per_s / 60
    return PlannedTarget(target, status, reason, nodes, rows, calls, minutes)
