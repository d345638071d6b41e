"""Reads all targets side by side and ends each with one outcome; an error of one target does not touch the others."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from scanner.core.concurrency import map_bounded
from scanner.core.errors import AwsError
from scanner.core.interfaces import Fleet
from scanner.core.model import CallCounts, NodeScan, Target, TargetOutcome, TargetStatus
from scanner.scan.error_status import target_status_of
from scanner.scan.estimate import batch_rows
from scanner.scan.job import ScanJob
from scanner.scan.read_target import read_target
from scanner.scan.target_machines import TargetFindings


async def scan_targets(targets: Iterable[Target], fleet: Fleet, job: ScanJob) -> list[TargetOutcome]:
    """Reads every target, at most `max_open_targets` at once, in the given order; returns one outcome for each.

    Raises:
        RequestRejected: AWS calls the request itself wrong; the scan stops.
    """
    waiting = list(targets)
    job = structs.replace(job, batch_rows=batch_rows(min(len(waiting), job.max_open_targets)))

    async def scan(target: Target) -> TargetOutcome:
        outcome = await _scan_target(target, fleet, job)
        await job.end_target(outcome)
        for observer in job.observers:
            observer.target_ended(outcome)
        return outcome

    return await map_bounded(scan, waiting, job.max_open_targets)


async def _scan_target(target: Target, fleet: Fleet, job: ScanJob) -> TargetOutcome:
    started_at = int(job.now() * 1000)
    counts = CallCounts()
    nodes = rows = 0

    async def deliver(scan: NodeScan) -> None:
        nonlocal nodes, rows
        await job.deliver(scan)
        nodes += 1
        rows += len(scan.patches)
        for observer in job.observers:
            observer.node_ended(scan)

    status, reason, findings = TargetStatus.SCANNED, None, TargetFindings()
    try:
        async with fleet.open(target) as reader:
            counts = reader.counts
            for observer in job.observers:
                observer.target_opened(target, counts)
            findings = await read_target(target, reader, structs.replace(job, deliver=deliver))
    except AwsError as error:
        gap: AwsError | None = error
    else:
        gap = findings.gap
    if gap is not None:
        status, reason = target_status_of(gap), str(gap)
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
        not_asked=findings.not_asked,
        baselines=findings.baselines,
    )
