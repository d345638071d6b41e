"""What Dask adds to the CPU of a target: its scheduler, its client and its workers, beyond what a scan costs alone."""

from __future__ import annotations

from tests.benchmarks.many_targets import REGIONS, scan_targets
from tests.benchmarks.plan import Size
from tests.benchmarks.results import Result, spread

PROCESSES = 2
GOAL_MS = 3.0
MOST_OPEN = 1_000  # targets that a process may have open


def dask_targets(size: Size) -> list[Result]:
    """CPU of small targets in one process and by `--workers`, each less that of a scan of a few targets.

    Raises:
        RuntimeError: rows are missing.
    """
    return [_added(size.targets, size.rounds)]


def many_dask_targets(size: Size) -> list[Result]:
    """The same once with as many targets as a large organization has; takes ten minutes."""
    return [_added(size.dask_targets, 1)]


def _added(targets: int, rounds: int) -> Result:
    accounts = max(targets // len(REGIONS), 2)
    targets = accounts * len(REGIONS)
    more = targets - len(REGIONS)
    workers = ("--workers", str(PROCESSES))
    runs = []
    open_targets = min(targets, MOST_OPEN)
    for _ in range(rounds):
        few_alone, many_alone = scan_targets(1, open_targets), scan_targets(accounts, open_targets)
        few, many = scan_targets(1, open_targets, *workers), scan_targets(accounts, open_targets, *workers)
        alone_ms = (many_alone.usage.cpu_s - few_alone.usage.cpu_s) * 1000 / more
        workers_ms = (many.usage.cpu_s - few.usage.cpu_s) * 1000 / more
        runs.append(
            {
                "targets": targets,
                "alone_ms": alone_ms,
                "workers_ms": workers_ms,
                "added_ms": workers_ms - alone_ms,
                "start_s": few.usage.cpu_s - few_alone.usage.cpu_s,
                "alone_mb": many_alone.usage.peak_mb,
                "worker_mb": many.usage.peak_mb,
            }
        )
    added_ms = [run["added_ms"] for run in runs]
    typical_ms = sorted(added_ms)[len(runs) // 2]
    return Result(
        name="What Dask adds to a target",
        about=f"{targets:,} targets of one node, read by `scan` and by `scan --workers {PROCESSES}`; all processes "
        f"together, less a scan of {len(REGIONS)} targets.",
        columns=["CPU", "median [min-max]"],
        rows=[
            ["ms a target, one process", spread([run["alone_ms"] for run in runs], 2)],
            ["ms a target, by workers", spread([run["workers_ms"] for run in runs], 2)],
            ["ms a target, added", spread(added_ms, 2)],
            ["s, once: to start Dask and its processes", spread([run["start_s"] for run in runs], 1)],
            ["MB, one process", spread([run["alone_mb"] for run in runs], 0)],
            ["MB, the largest process of the workers'", spread([run["worker_mb"] for run in runs], 0)],
        ],
        runs=runs,
        goals={f"adds at most {GOAL_MS:g} ms a target: {typical_ms:.2f}": typical_ms <= GOAL_MS},
    )
