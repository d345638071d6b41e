"""Divides the targets of a plan into bundles, the units that an engine gives to its workers; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from scanner.app.slices import Slice, slice_targets
from scanner.app.suspects import FAILED_AFTER_DEATHS, LAST_AFTER_DEATHS
from scanner.core.model import Target
from scanner.store.plan_file import PlannedTarget

#: Bundles that a worker process reads at once: while one waits for its last targets, the other keeps it busy.
BUNDLES_AT_ONCE = 2
STRAY_DEATHS = 3  # of workers that ended before a target was open, or for a reason that has to do with none


class Bundle(Struct, frozen=True):
    """Some targets of a plan by their number in it; `part` is what the bundle is called in the store.

    One without targets stands for a share of the rows of earlier scans that are carried over when all are read.
    """

    part: Slice
    targets: tuple[int, ...]


def bundle_targets(
    planned: Sequence[PlannedTarget], ended: Collection[Target], *, processes: int, open_at_once: int
) -> list[Bundle]:
    """Returns the bundles of the targets that have not ended, those with the largest targets first.

    Where all targets can be open at once, every place for a bundle gets the same to read. Otherwise a bundle holds
    targets of like size, which end at about the same time, and is as large as a process may have targets open: a worker
    that reads many small targets then costs the engine no more than one that reads a few.

    Args:
        planned: the targets of the plan, the largest first.
        ended: those that are left out.
        processes: how many worker processes there are.
        open_at_once: how many targets one of them may have open.
    """
    left = [number for number, each in enumerate(planned) if each.target not in ended]
    places = max(min(processes * BUNDLES_AT_ONCE, len(left)), 1)
    if len(left) <= processes * open_at_once:
        shares = _packed([planned[number] for number in left], left, places)
    else:
        shares = [tuple(left[start : start + open_at_once]) for start in range(0, len(left), open_at_once)]
    return [Bundle(Slice(index, len(shares)), share) for index, share in enumerate(shares)]


def carry_bundles(processes: int) -> list[Bundle]:
    """Returns a share of the rows that are carried over for each worker process."""
    return [Bundle(Slice(index, processes), ()) for index in range(processes)]


def most_attempts(bundles: Sequence[Bundle]) -> int:
    """Returns how often a bundle is tried while no target of the scan comes to its end.

    A worker that ends takes the bundle beside it along, which is not to blame: so there are as many attempts as it
    takes until each target of the largest bundles that a process may hold at once has been given up by itself.
    """
    alone = FAILED_AFTER_DEATHS - LAST_AFTER_DEATHS
    largest = sorted((len(each.targets) for each in bundles), reverse=True)[:BUNDLES_AT_ONCE]
    return sum(LAST_AFTER_DEATHS + alone * count for count in largest) + STRAY_DEATHS + 1


def _packed(planned: Sequence[PlannedTarget], numbers: Sequence[int], places: int) -> list[tuple[int, ...]]:
    number_of = {each.target: number for each, number in zip(planned, numbers, strict=True)}
    slices = (slice_targets(planned, Slice(index, places)) for index in range(places))
    return [tuple(number_of[target] for target in targets) for targets in slices if targets]
