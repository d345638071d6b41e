"""`patchsweep scans show` of a scan that is not committed: how far its workers have come."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from scanner.store.progress import ScanProgress, WorkerProgress

if TYPE_CHECKING:
    from scanner.store.store import Store


class UnfinishedScan(Struct, frozen=True):
    """A scan that is being read, or waits to be resumed or finished; None for what its files do not tell.

    `requests` and `nodes` are those of the targets that have ended.
    """

    scan_id: str
    status: str
    targets: int | None
    targets_ended: dict[str, int]
    nodes: int
    requests: int
    workers: tuple[WorkerProgress, ...]
    store: str


async def unfinished_scan(store: Store, scan_id: str) -> UnfinishedScan | None:
    """Returns the progress of a scan, or None if there is no unfinished one of this id."""
    if scan_id not in await store.unfinished():
        return None
    progress: ScanProgress = await store.progress(scan_id)
    return UnfinishedScan(
        scan_id=scan_id,
        status="unfinished",
        targets=progress.planned,
        targets_ended=dict(Counter(outcome.status.value for outcome in progress.ended)),
        nodes=sum(outcome.nodes for outcome in progress.ended),
        requests=sum(outcome.requests for outcome in progress.ended),
        workers=tuple(progress.workers),
        store=store.url,
    )


def progress_lines(scan: UnfinishedScan) -> list[str]:
    """Returns the scan as lines of a name and a value, then a line for each worker that has targets open."""
    ended = sum(scan.targets_ended.values())
    of = "" if scan.targets is None else f" of {scan.targets:,}"
    by_status = ", ".join(f"{count:,} {status}" for status, count in scan.targets_ended.items())
    lines = [
        f"scan      {scan.scan_id}",
        f"status    {scan.status}",
        f"targets   {ended:,}{of} ended" + (f": {by_status}" if by_status else ""),
        f"nodes     {scan.nodes:,} in these targets",
        f"requests  {scan.requests:,}",
        f"store     {scan.store}",
    ]
    return lines + [_worker_line(worker) for worker in sorted(scan.workers, key=lambda each: each.open.slice)]


def _worker_line(worker: WorkerProgress) -> str:
    targets = worker.open.targets
    open_now = ", ".join(f"{each.account_id}/{each.region}" for each in targets[:3]) or "no target"
    more = f" and {len(targets) - 3:,} more" if len(targets) > len(targets[:3]) else ""
    return f"slice     {worker.open.slice} has {open_now}{more} open; last sign of life {worker.silent_s:.0f} s ago"
