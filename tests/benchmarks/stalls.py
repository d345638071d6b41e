"""How long the event loop of a scan with its store was held up at a time."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT, Patchsweep
from tests.benchmarks.hot_path import Load
from tests.benchmarks.plan import READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import serving
from tests.benchmarks.results import Result, spread

MAX_GOAL_MS = 50.0


def stalls(size: Size) -> list[Result]:
    """Lateness of a task that wakes every 5 ms, at full speed and with 40 ms of latency.

    Raises:
        RuntimeError: rows are missing.
    """
    runs = [
        _run(size, latency_s, options)
        for _ in range(size.rounds)
        for latency_s, options in ((0.0, NO_LIMIT), (0.04, NO_LIMIT))
    ]
    rows = []
    for latency_s in (0.0, 0.04):
        these = [run for run in runs if run["latency_s"] == latency_s]
        rows.append(
            [
                f"{latency_s * 1000:.0f} ms",
                spread([run["p99_ms"] for run in these], 1),
                spread([run["max_ms"] for run in these], 1),
            ]
        )
    worst = max(run["max_ms"] for run in runs)
    typical = sorted(run["max_ms"] for run in runs)[len(runs) // 2]
    return [
        Result(
            name="How long the event loop was held up",
            about="Lateness in ms of a task in the scanning process that wakes every 5 ms; segments of 50,000 rows are "
            "stored meanwhile. Other work on the machine shows here too.",
            columns=["latency of the server", "p99, ms", "max, ms"],
            rows=rows,
            runs=runs,
            goals={
                f"max below {MAX_GOAL_MS:g} ms in the median run: {typical:.0f}": typical < MAX_GOAL_MS,
                f"max below {MAX_GOAL_MS:g} ms in every run: {worst:.0f}": worst < MAX_GOAL_MS,
            },
        )
    ]


def _run(size: Size, latency_s: float, options: tuple[str, ...]) -> dict[str, float]:
    with TemporaryDirectory() as folder, serving(spread_over_regions(size.nodes), latency_s=latency_s) as server:
        file = Path(folder, "late.json")
        client = Patchsweep(options, {"HEARTBEAT_FILE": str(file)}, module=("tests.benchmarks.heartbeat",))
        done = client.run(server, READ_REGIONS)
        if done.rows != Load.of(size).rows:
            raise RuntimeError(f"{done.rows} rows were read of {Load.of(size).rows}")
        late_ms = sorted(json.loads(file.read_text()))
    return {
        "latency_s": latency_s,
        "beats": len(late_ms),
        "p99_ms": late_ms[int(len(late_ms) * 0.99)],
        "max_ms": late_ms[-1],
        "rows": done.rows,
    }
