"""How long the event loop of a scan with its store was held up at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT, Patchsweep
from tests.benchmarks.hot_path import Load
from tests.benchmarks.plan import READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import serving
from tests.benchmarks.results import Result, spread

MAX_GOAL_MS = 50.0
LATENCIES_S = (0.0, 0.04)
PHASES = {"opening": "until the first node has ended", "reading": "from then on"}


def stalls(size: Size) -> list[Result]:
    """Lateness of a task that wakes every 5 ms, at full speed and with 40 ms of latency.

    Raises:
        RuntimeError: rows are missing.
    """
    runs = [run for _ in range(size.rounds) for latency_s in LATENCIES_S for run in _run(size, latency_s)]
    typical_ms = {phase: median([run["late_max_ms"] for run in runs if run["phase"] == phase]) for phase in PHASES}
    return [
        Result(
            name="How long the event loop was held up",
            about="Lateness in ms of a task in the scanning process that wakes every 5 ms; segments of 100,000 rows "
            "are stored meanwhile. Own CPU is what the loop's thread itself took from beat to beat; the rest of the "
            "lateness is other threads and other work on the machine. Until the first node the SDK makes its clients.",
            columns=["latency of the server", "phase", "late, p99", "late, max", "own CPU, p99", "own CPU, max"],
            rows=[_row(runs, latency_s, phase) for latency_s in LATENCIES_S for phase in PHASES],
            runs=runs,
            goals={
                f"{PHASES[phase]}, max below {MAX_GOAL_MS:g} ms in the median run: {late_ms:.0f}": late_ms < MAX_GOAL_MS
                for phase, late_ms in typical_ms.items()
            },
        )
    ]


def _row(runs: Sequence[Mapping[str, object]], latency_s: float, phase: str) -> list[str]:
    these = [run for run in runs if (run["latency_s"], run["phase"]) == (latency_s, phase)]
    names = ("late_p99_ms", "late_max_ms", "cpu_p99_ms", "cpu_max_ms")
    return [f"{latency_s * 1000:.0f} ms", PHASES[phase], *(spread([run[name] for run in these], 1) for name in names)]


def _run(size: Size, latency_s: float) -> list[dict[str, object]]:
    with TemporaryDirectory() as folder, serving(spread_over_regions(size.nodes), latency_s=latency_s) as server:
        file = Path(folder, "late.json")
        client = Patchsweep(NO_LIMIT, {"HEARTBEAT_FILE": str(file)}, module=("tests.benchmarks.heartbeat",))
        done = client.run(server, READ_REGIONS)
        if done.rows != Load.of(size).rows:
            raise RuntimeError(f"{done.rows} rows were read of {Load.of(size).rows}")
        beats = json.loads(file.read_text())
    return [
        {
            "latency_s": latency_s,
            "phase": phase,
            **_tail("late", [late_ms for late_ms, _ in beats[phase]]),
            **_tail("cpu", [cpu_ms for _, cpu_ms in beats[phase]]),
            "rows": done.rows,
        }
        for phase in PHASES
    ]


def _tail(name: str, values: Sequence[float]) -> dict[str, float]:
    return {f"{name}_p99_ms": sorted(values)[int(len(values) * 0.99)], f"{name}_max_ms": max(values)}
