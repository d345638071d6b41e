"""How well the rate that a server grants is found and kept, live and over many schedules in virtual time."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryDirectory

from scanner.aws.requests.rate_estimator import RefillRateEstimator
from tests.benchmarks.aimd import AimdGauge
from tests.benchmarks.plan import READ_REGIONS, Size
from tests.benchmarks.processes import CLIENT_CORE, ROOT, Server, on_core, serving
from tests.benchmarks.results import Result
from tests.rate_server import Bucket, Run
from tests.rate_server import run as run_in_virtual_time

BURST = 40.0
LATENCY_S = 0.04
OPERATION = "DescribeInstancePatches"
WINDOW_S = 5.0
CEILING_PER_S = 400.0
SETTLED_GOAL_S = 20.0
USEFUL_GOAL = 0.97
THROTTLED_GOAL = 0.015
GAUGES: Mapping[str, Callable[..., RefillRateEstimator | AimdGauge]] = {
    "refill gauge": RefillRateEstimator,
    "AIMD": AimdGauge,
}


@dataclass(frozen=True)
class Kept:
    """One stretch of a constant rate: shares of what was granted and of what was sent, once settled."""

    granted_per_s: float
    settled_after_s: float | None
    useful: float
    throttled: float

    @property
    def meets_goals(self) -> bool:
        """Whether it settled soon, and then used what was granted with few refusals."""
        is_soon = self.settled_after_s is not None and self.settled_after_s <= SETTLED_GOAL_S
        return is_soon and self.useful >= USEFUL_GOAL and self.throttled < THROTTLED_GOAL


def rate(size: Size) -> list[Result]:
    """The real client against a token bucket, and the gauge alone against one."""
    return [_live(size), _virtual(size)]


def _live(size: Size) -> Result:
    change = size.rate_s / 2
    schedules = {
        "20/s": [(0.0, 20.0)],
        "5/s": [(0.0, 5.0)],
        "50/s": [(0.0, 50.0)],
        "20/s, then 8/s": [(0.0, 20.0), (change, 8.0)],
        "10/s, then 40/s": [(0.0, 10.0), (change, 40.0)],
    }
    rows, runs, goals = [], [], {}
    for name, rates in schedules.items():
        with serving({READ_REGIONS[0]: 100_000}, latency_s=LATENCY_S, rates=rates, burst=BURST) as server:
            _scan_for(server, size.rate_s)
            answers = [(at, ok) for at, ok in server.stats()["answers"].get(OPERATION, [])]
        for start, end, kept in stretches(Run(answers, Bucket(rates, BURST)), rates, size.rate_s):
            settled = "never" if kept.settled_after_s is None else f"{kept.settled_after_s:.0f}"
            span = f"{start:.0f}-{end:.0f} s"
            rows.append([name, span, settled, f"{kept.useful:.1%}", f"{kept.throttled:.2%}"])
            runs.append({"schedule": name, "from_s": start, "to_s": end, **kept.__dict__, "answers": len(answers)})
            goals[
                f"{name}, {span}: settled within {SETTLED_GOAL_S:g} s, {USEFUL_GOAL:.0%} used and less than "
                f"{THROTTLED_GOAL:.1%} throttled from there on"
            ] = kept.meets_goals
    return Result(
        name="Keeping to a rate nobody tells, live",
        about=f"`patchsweep scan --max-rate {CEILING_PER_S:g}` against a token bucket of burst {BURST:g}, 40 ms "
        "latency. Settled: the first 5 s with 90 % of the rate used and at most 5 % throttled; the shares hold from "
        "there on.",
        columns=["granted", "stretch", "settled after, s", "used of the granted", "throttled of the sent"],
        rows=rows,
        runs=runs,
        goals=goals,
    )


def _scan_for(server: Server, seconds: float) -> None:
    """A scan that is stopped by a signal, as a user does."""
    with TemporaryDirectory() as folder:
        options = ["--max-rate", str(CEILING_PER_S), "--store", f"{folder}/store", "--regions", READ_REGIONS[0]]
        with on_core(CLIENT_CORE):
            process = subprocess.Popen(
                [sys.executable, "-m", "scanner", "scan", "--no-progress", *options],
                env=server.environment(),
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        with process:
            time.sleep(seconds + 1.5)
            process.send_signal(signal.SIGINT)


def stretches(run: Run, rates: Sequence[tuple[float, float]], until: float) -> list[tuple[float, float, Kept]]:
    """Each stretch of constant rate with what became of it."""
    starts = [since for since, _ in rates]
    return [
        (start, end, _kept(run, start, end, granted))
        for (start, granted), end in zip(rates, [*starts[1:], until], strict=True)
    ]


def _kept(run: Run, start: float, end: float, granted: float) -> Kept:
    settled = start
    while settled + WINDOW_S <= end:
        window = (settled, settled + WINDOW_S)
        if run.useful(*window) >= 0.9 and run.refused(*window) <= 0.05:
            return Kept(granted, settled - start, run.useful(settled, end), run.refused(settled, end))
        settled += 1.0
    return Kept(granted, None, run.useful(start, end), run.refused(start, end))


def _virtual(size: Size) -> Result:
    runs = []
    for seed in range(size.virtual_schedules):
        seeded_random = random.Random(10_000 + seed)
        rates = [(since, seeded_random.uniform(2, 80)) for since in (0.0, 100.0, 200.0)]
        burst, latency_s = seeded_random.uniform(5, 120), seeded_random.uniform(0.02, 0.3)
        for name, make in GAUGES.items():
            estimator = make(rate_per_s=10.0, burst=10.0, min_rate_per_s=0.5, max_rate_per_s=CEILING_PER_S)
            result = run_in_virtual_time(
                estimator, Bucket(rates, burst), until=300.0, latency_s=latency_s, late_s=0.005, seed=seed
            )
            runs += [
                {
                    "gauge": name,
                    "seed": seed,
                    "rate_per_s": granted,
                    "useful": result.useful(since + 40, since + 100),
                    "throttled": result.refused(since + 40, since + 100),
                }
                for since, granted in rates
            ]
    return Result(
        name="Keeping to a rate nobody tells, in virtual time",
        about=f"{size.virtual_schedules} random schedules: 2 to 80/s, changing at 100 and 200 s, burst 5 to 120, "
        "latency 20 to 300 ms; the last 60 s of each 100 s.",
        columns=[
            "gauge",
            "used, median",
            "used, worst 5 %",
            "throttled, median",
            "98 % used and below 1.5 % throttled",
        ],
        rows=[_row(name, [run for run in runs if run["gauge"] == name]) for name in GAUGES],
        runs=runs,
    )


def _row(name: str, runs: Sequence[Mapping[str, float]]) -> list[str]:
    useful = sorted(run["useful"] for run in runs)
    good = sum(run["useful"] >= 0.98 and run["throttled"] < 0.015 for run in runs)
    throttled = median(run["throttled"] for run in runs)
    worst = useful[len(useful) // 20]
    return [name, f"{median(useful):.1%}", f"{worst:.1%}", f"{throttled:.2%}", f"{good} of {len(runs)}"]
