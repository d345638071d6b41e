"""What Dask adds to the CPU of a target: its scheduler, its client and its workers, beyond what a scan costs alone."""

from __future__ import annotations

from tests.benchmarks.many_targets import REGIONS, scan_targets
from tests.benchmarks.plan import Size
from tests.benchmarks.results import Result, spread

PROCESSES = 2
GOAL_MS = 3.0


def dask_targets(size: Size) -> list[Result]:
    """CPU of small targets in one process and by `--workers`, each less that of a scan of a few targets.

    Raises:
        RuntimeError: rows are missing.
    """
    accounts = max(size.targets // len(REGIONS), 2)
    targets = accounts * len(REGIONS)
    more = targets - len(REGIONS)
    workers = ("--workers", str(PROCESSES))
    runs = []
    for _ in range(size.rounds):
        few_alone, many_alone = scan_targets(1, targets), scan_targets(accounts, targets)
        few, many = scan_targets(1, targets, *workers), scan_targets(accounts, targets, *workers)
        alone_ms = (many_alone.usage.cpu_s - few_alone.usage.cpu_s) * 1000 / more
        workers_ms = (many.usage.cpu_s - few.usage.cpu_s) * 1000 / more
        runs.append(
            {
                "targets": targets,
                "alone_ms": alone_ms,
                "workers_ms": workers_ms,
                "added_ms": workers_ms - alone_ms,
                "start_s": few.usage.cpu_s - few_alone.usage.cpu_s,
            }
        )
    added_ms = [run["added_ms"] for run in runs]
    typical_ms = sorted(added_ms)[len(runs) // 2]
    return [
        Result(
            name="What Dask adds to a target",
            about=f"{targets:,} targets of one node, read by `scan` and by `scan --workers {PROCESSES}`; all processes "
            f"together, less a scan of {len(REGIONS)} targets.",
            columns=["CPU", "median [min-max]"],
            rows=[
                ["ms a target, one process", spread([run["alone_ms"] for run in runs], 2)],
                ["ms a target, by workers", spread([run["workers_ms"] for run in runs], 2)],
                ["ms a target, added", spread(added_ms, 2)],
                ["s, once: to start Dask and its processes", spread([run["start_s"] for run in runs], 1)],
            ],
            runs=runs,
            goals={f"adds at most {GOAL_MS:g} ms a target: {typical_ms:.2f}": typical_ms <= GOAL_MS},
        )
    ]
