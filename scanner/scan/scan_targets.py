"""Reads all targets side by side and ends each with one outcome; one target's trouble is never another's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import AwsError, Denied, Disabled
from scanner.core.interfaces import Clock, Fleet, Observer
from scanner.core.model import CallCounts, NodeScan, PatchState, Target, TargetOutcome, TargetStatus
from scanner.scan.read_target import Deliver, ReadingRules, TargetJob, read_target

NodesDone = Mapping[tuple[str, str], Collection[str]]
"""Instance ids already delivered, by (account id, Region)."""


def nothing_known(_target: Target, _state: PatchState) -> bool:
    """The `is_unchanged` of a full scan: every node is read."""
    return False


class ScanJob(Struct, frozen=True):
    """What a whole scan needs to know besides its targets."""

    rules: ReadingRules
    max_open_targets: int
    deliver: Deliver
    now: Clock
    observers: Sequence[Observer] = ()
    done: NodesDone = {}
    is_unchanged: Callable[[Target, PatchState], bool] = nothing_known


async def scan_targets(targets: Iterable[Target], fleet: Fleet, job: ScanJob) -> list[TargetOutcome]:
    """Read every target, at most `max_open_targets` at once, in the order given; one outcome each.

    Raises:
        RequestRejected: AWS calls the request itself wrong; the scan stops.
    """

    async def scan(target: Target) -> TargetOutcome:
        outcome = await _scan_target(target, fleet, job)
        for observer in job.observers:
            observer.target_ended(outcome)
        return outcome

    return await map_bounded(scan, targets, job.max_open_targets)


async def _scan_target(target: Target, fleet: Fleet, job: ScanJob) -> TargetOutcome:
    started_at = int(job.now() * 1000)
    counts = CallCounts()
    nodes = rows = 0

    def found(target: Target, count: int) -> None:
        for observer in job.observers:
            observer.nodes_found(target, count)

    async def deliver(scan: NodeScan) -> None:
        nonlocal nodes, rows
        await job.deliver(scan)
        nodes += 1
        rows += len(scan.patches)
        for observer in job.observers:
            observer.node_ended(scan)

    done = job.done.get((target.account_id, target.region), ())
    reading = TargetJob(target, job.rules, deliver, done, job.is_unchanged, found, job.now)
    status, reason = TargetStatus.SCANNED, None
    try:
        async with fleet.open(target) as reader:
            counts = reader.counts
            for observer in job.observers:
                observer.target_opened(target)
            await read_target(reading, reader)
    except AwsError as error:
        status, reason = status_of(error), str(error)
    return TargetOutcome(
        target=target,
        status=status,
        reason=reason,
        nodes=nodes,
        patch_rows=rows,
        requests=counts.requests,
        throttles=counts.throttles,
        retries=counts.retries,
        started_at=started_at,
        finished_at=int(job.now() * 1000),
    )


def status_of(error: AwsError) -> TargetStatus:
    """The status of a target that could not be opened, or whose nodes could not be listed, for this error."""
    if isinstance(error, Denied):
        return TargetStatus.DENIED
    if isinstance(error, Disabled):
        return TargetStatus.DISABLED
    return TargetStatus.FAILED
