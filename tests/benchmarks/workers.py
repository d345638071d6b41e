"""The CPU of a scan that several workers read, against that of one process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT, Counted, Patchsweep
from tests.benchmarks.plan import READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import Server, Usage, measured, serving
from tests.benchmarks.results import Result, spread

COUNTS = (1, 2, 4)
ACCOUNTS = 20
GOAL_FACTOR = 1.1
GOAL_WORKER_S = 1.0  # what a further process may cost besides: its start, the keys of what is stored, the last scan


def workers(size: Size) -> list[Result]:
    """CPU of begin, N slices one after the other, and finish.

    Raises:
        RuntimeError: rows are missing.
    """
    ids = [f"{number:012}" for number in range(200_000_000_000, 200_000_000_000 + ACCOUNTS)]
    scope = ("--accounts", ",".join(ids), "--role-name", "Reader", "--regions", ",".join(READ_REGIONS))
    runs: dict[str, list[Counted]] = {}
    with serving(spread_over_regions(max(size.nodes // ACCOUNTS, len(READ_REGIONS)))) as server:
        for _ in range(size.rounds):
            runs.setdefault("scan", []).append(Patchsweep((*NO_LIMIT, *scope[:4])).run(server, READ_REGIONS))
            for count in COUNTS:
                runs.setdefault(f"{count} workers", []).append(_by_workers(server, count, scope))
    rows = {run.rows for each in runs.values() for run in each}
    if len(rows) != 1:
        raise RuntimeError(f"the scans have different numbers of rows: {rows}")
    return [_result(runs, rows.pop())]


def _by_workers(server: Server, count: int, scope: tuple[str, ...]) -> Counted:
    with TemporaryDirectory() as folder:
        summary = Path(folder, "summary.json")
        environment = server.environment(PATCHSWEEP_STORE=f"{folder}/store")

        def run(*arguments: str) -> Usage:
            return measured([sys.executable, "-m", "scanner", *arguments], environment)

        begun = run("begin", *scope)
        scan_id = begun.stdout.strip()
        usages = [begun]
        usages += [run("work", scan_id, "--slice", f"{index}/{count}", *NO_LIMIT) for index in range(count)]
        usages.append(run("finish", scan_id, "--no-progress", "--summary", str(summary)))
        total = Usage(
            sum(usage.cpu_s for usage in usages),
            sum(usage.wall_s for usage in usages),
            max(usage.peak_mb for usage in usages),
            "",
        )
        return Counted(total, json.loads(summary.read_bytes())["patch_rows"])


def _result(runs: dict[str, list[Counted]], rows: int) -> Result:
    cpu_s = {name: [run.usage.cpu_s for run in each] for name, each in runs.items()}
    alone = sorted(cpu_s["scan"])[len(cpu_s["scan"]) // 2]
    goals = {}
    for count in COUNTS:
        taken = sorted(cpu_s[f"{count} workers"])[len(cpu_s["scan"]) // 2]
        allowed = GOAL_FACTOR * alone + GOAL_WORKER_S * count
        goals[f"{count} workers within {GOAL_FACTOR:g} x scan + {GOAL_WORKER_S:g} s each: {taken:.1f} s"] = (
            taken <= allowed
        )
    return Result(
        name="CPU of a scan by workers",
        about=f"{ACCOUNTS * len(READ_REGIONS)} targets, {rows:,} rows; `begin`, all slices and `finish` together.",
        columns=["how", "CPU s, median [min-max]", "MB, the largest process"],
        rows=[
            [name, spread(cpu_s[name], 1), f"{max(run.usage.peak_mb for run in each):.0f}"]
            for name, each in runs.items()
        ],
        runs=[
            {"how": name, "cpu_s": run.usage.cpu_s, "peak_mb": run.usage.peak_mb, "rows": run.rows}
            for name, each in runs.items()
            for run in each
        ],
        goals=goals,
    )
