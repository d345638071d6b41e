"""Peak memory of a scan, and that it does not grow with the nodes."""

from __future__ import annotations

from tests.benchmarks.clients import Patchsweep
from tests.benchmarks.hot_path import Load
from tests.benchmarks.plan import READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import serving
from tests.benchmarks.results import Result

GOAL_MB = 350.0
GOAL_GROWTH = 0.25


def memory(size: Size) -> list[Result]:
    """Peak resident memory of `patchsweep scan`, with few nodes and with ten times as many.

    Raises:
        RuntimeError: rows are missing.
    """
    runs = []
    for nodes in size.memory_nodes:
        load = Load.of(Size(**{**size.__dict__, "nodes": nodes}))
        with serving(spread_over_regions(nodes)) as server:
            done = Patchsweep().run(server, READ_REGIONS)
        if done.rows != load.rows:
            raise RuntimeError(f"{done.rows} rows were read of {load.rows}")
        runs.append({"nodes": nodes, "rows": done.rows, "peak_mb": done.usage.peak_mb, "cpu_s": done.usage.cpu_s})
    few, many = (run["peak_mb"] for run in runs)
    return [
        Result(
            name="Peak memory of a scan",
            about="Resident memory of `patchsweep scan` with its store, at the highest.",
            columns=["nodes", "rows", "MB, peak", "CPU s"],
            rows=[
                [f"{run['nodes']:,}", f"{run['rows']:,}", f"{run['peak_mb']:.0f}", f"{run['cpu_s']:.1f}"]
                for run in runs
            ],
            runs=runs,
            goals={
                f"below {GOAL_MB:g} MB: {many:.0f}": many < GOAL_MB,
                f"few nodes within {GOAL_GROWTH:.0%} of many: {1 - few / many:.0%}": 1 - few / many <= GOAL_GROWTH,
            },
        )
    ]
