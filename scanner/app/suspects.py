"""Decides which targets are read last and which no more, from the workers that ended while they read them; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from scanner.core.model import Target, TargetOutcome, TargetStatus
from scanner.store.node_index import TargetKey
from scanner.store.open_targets import FoundOpen, OpenTargets

LAST_AFTER_DEATHS = 2  # one death may have any cause; a second one with the same target open is a sign
FAILED_AFTER_DEATHS = 4  # by then it was read alone twice
SIGNS_MISSED = 2  # signs of life that a worker may miss before it counts as ended


class Order(Struct, frozen=True):
    """How a worker goes about its targets: most side by side, then suspects one at a time, and some not at all."""

    first: list[Target]
    alone: list[Target]
    given_up: list[Target]


def order_of(targets: Sequence[Target], deaths: Mapping[TargetKey, int]) -> Order:
    """Returns the order for these targets, each in one of its lists; of suspects those with the fewest deaths first."""

    def count(target: Target) -> int:
        return deaths.get((target.account_id, target.region), 0)

    suspects = sorted((target for target in targets if count(target) >= LAST_AFTER_DEATHS), key=count)
    return Order(
        first=[target for target in targets if count(target) < LAST_AFTER_DEATHS],
        alone=[target for target in suspects if count(target) < FAILED_AFTER_DEATHS],
        given_up=[target for target in suspects if count(target) >= FAILED_AFTER_DEATHS],
    )


def deaths_of(dead: Iterable[OpenTargets]) -> Counter[TargetKey]:
    """Returns how many of these workers ended while they had each target open."""
    return Counter(key for each in dead for key in {(held.account_id, held.region) for held in each.targets})


def is_silent(found: FoundOpen) -> bool:
    """Returns whether a worker has given no sign of life for so long that it must have ended."""
    return found.age_s > (SIGNS_MISSED + 1) * found.open.interval_s + 1.0


def unchanged(before: Sequence[FoundOpen], after: Sequence[FoundOpen]) -> list[OpenTargets]:
    """Returns those workers of `before` whose file is as it was: they gave no sign of life between the two readings."""
    now = {found.open.writer: found.open.renewal for found in after}
    return [found.open for found in before if now.get(found.open.writer) == found.open.renewal]


def given_up(target: Target, deaths: int, nodes: int) -> TargetOutcome:
    """Returns the outcome of a target that is not read again; `nodes` of it are stored."""
    return TargetOutcome(
        target=target,
        status=TargetStatus.FAILED,
        reason=f"{deaths} workers ended while they read it",
        nodes=nodes,
        patch_rows=0,
        requests=0,
        throttles=0,
        retries=0,
        started_at=None,
        finished_at=None,
    )
