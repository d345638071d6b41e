"""Peak memory of a scan, full and in delta mode, and that it does not grow with the nodes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT
from tests.benchmarks.hot_path import Load
from tests.benchmarks.plan import READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import Server, measured, serving
from tests.benchmarks.results import Result

GOALS_MB = {"full": 200.0, "delta": 230.0}
GOAL_GROWTH = 0.25


def memory(size: Size) -> list[Result]:
    """Peak resident memory of `patchsweep scan` with few nodes and with ten times as many, and once more in delta mode.

    Raises:
        RuntimeError: rows are missing.
    """
    runs = []
    for nodes in size.memory_nodes:
        rows = Load.of(Size(**{**size.__dict__, "nodes": nodes})).rows
        with serving(spread_over_regions(nodes)) as server, TemporaryDirectory() as folder:
            runs += [_scan(server, Path(folder), mode, nodes, rows) for mode in GOALS_MB]
    few, many = ([run for run in runs if run["nodes"] == nodes] for nodes in size.memory_nodes)
    growth = 1 - few[0]["peak_mb"] / many[0]["peak_mb"]
    return [
        Result(
            name="Peak memory of a scan",
            about="Resident memory of `patchsweep scan` with its store, at the highest; in delta mode right after the "
            "full scan, so that no node has changed.",
            columns=["mode", "nodes", "rows", "MB, peak", "CPU s"],
            rows=[
                [run["mode"], f"{run['nodes']:,}", f"{run['rows']:,}", f"{run['peak_mb']:.0f}", f"{run['cpu_s']:.1f}"]
                for run in runs
            ],
            runs=runs,
            goals={
                **{
                    f"{run['mode']} below {GOALS_MB[run['mode']]:g} MB: {run['peak_mb']:.0f}": (
                        run["peak_mb"] < GOALS_MB[run["mode"]]
                    )
                    for run in many
                },
                f"few nodes within {GOAL_GROWTH:.0%} of many: {growth:.0%}": growth <= GOAL_GROWTH,
            },
        )
    ]


def _scan(server: Server, folder: Path, mode: str, nodes: int, rows: int) -> dict[str, object]:
    summary = folder / "summary.json"
    arguments = [sys.executable, "-m", "scanner", "scan", "--regions", ",".join(READ_REGIONS), "--no-progress"]
    arguments += ["--store", f"{folder}/store", "--summary", str(summary), "--mode", mode, *NO_LIMIT]
    usage = measured(arguments, server.environment())
    counted = json.loads(summary.read_bytes())["patch_rows"]
    if counted != rows:
        raise RuntimeError(f"{counted} rows were read of {rows}")
    return {"mode": mode, "nodes": nodes, "rows": rows, "peak_mb": usage.peak_mb, "cpu_s": usage.cpu_s}
