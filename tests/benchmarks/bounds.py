"""The share of the rate that one process reaches with the default bounds, where many targets may be read at once.

In virtual time the bounds alone decide it; live the CPU does, too, which the server and the client need 2 cores for.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from tests.benchmarks.clients import Patchsweep
from tests.benchmarks.many_targets import REGIONS
from tests.benchmarks.plan import Size
from tests.benchmarks.processes import serving
from tests.benchmarks.results import Result, spread
from tests.benchmarks.virtual_bounds import granted_calls

ACCOUNTS = 25
TARGETS = ACCOUNTS * len(REGIONS)
LATENCY_S = 0.1
OPERATION = "DescribeInstancePatches"
GOAL_SHARE = 0.95
#: Of the time from the first answer to the last: the start and the end, where targets begin and end, are left out.
MIDDLE = (0.25, 0.65)
#: The rate that is granted to each target, and one that leaves most of the core free: where only the second meets the
#: goal, the CPU was the limit and not the bounds.
RATES_PER_S = (20.0, 5.0)


def bounds(size: Size) -> list[Result]:
    """A scan of 200 targets with the default bounds, each target with a rate of its own."""
    return [_virtual(size), _live(size)]


def share(granted: Sequence[float], targets: int, rate_per_s: float) -> float:
    """Returns what part of the granted rate was used in the middle of a run, by the times of its granted calls."""
    since, until = (granted[0] + (granted[-1] - granted[0]) * part for part in MIDDLE)
    return sum(since <= at < until for at in granted) / (targets * rate_per_s * max(until - since, 1e-9))


def _virtual(size: Size) -> Result:
    nodes = max(int(size.rate_s * RATES_PER_S[0] / 54), 1)  # about a ninth of `rate_s`
    used = share(granted_calls(TARGETS, nodes, RATES_PER_S[0], LATENCY_S), TARGETS, RATES_PER_S[0])
    return Result(
        name="Share of the granted rate with the default bounds, in virtual time",
        about=f"{TARGETS} targets of {nodes} nodes, {LATENCY_S * 1000:g} ms latency; the middle of the run. Time "
        "passes only while everything waits, so that the bounds decide and not the CPU.",
        columns=["granted to each target", "share"],
        rows=[[f"{RATES_PER_S[0]:g}/s", f"{used:.1%}"]],
        runs=[{"rate_per_s": RATES_PER_S[0], "nodes": nodes, "share": used}],
        goals={f"at least {GOAL_SHARE:.0%} of the rate: {used:.1%}": used >= GOAL_SHARE},
    )


def _live(size: Size) -> Result:
    runs = [_run(size, rate) for rate in RATES_PER_S for _ in range(size.rounds)]
    rows, goals = [], {}
    for rate in RATES_PER_S:
        of_rate = [run for run in runs if run["rate_per_s"] == rate]
        shares = [run["share"] for run in of_rate]
        peak_mb = max(run["peak_mb"] for run in of_rate)
        rows.append([f"{rate:g}/s", spread(shares, 2), spread([run["cpu_s"] for run in of_rate], 1), f"{peak_mb:.0f}"])
        goals[f"{rate:g}/s: at least {GOAL_SHARE:.0%} of the rate: {median(shares):.0%}"] = median(shares) >= GOAL_SHARE
    return Result(
        name="Share of the granted rate with the default bounds, live",
        about=f"{TARGETS} targets, {LATENCY_S * 1000:g} ms latency; the middle of the run.",
        columns=["granted to each target", "share", "CPU s", "MB, peak"],
        rows=rows,
        runs=runs,
        goals=goals,
    )


def _run(size: Size, rate_per_s: float) -> dict[str, float]:
    ids = ",".join(str(200_000_000_000 + number) for number in range(ACCOUNTS))
    options = ("--max-rate", str(rate_per_s), "--rate", str(rate_per_s / 2), "--accounts", ids, "--role-name", "Reader")
    nodes = max(int(size.rate_s * rate_per_s / 18), 1)  # a node has 5.5 pages: about a third of `rate_s`
    with serving(dict.fromkeys(REGIONS, nodes), latency_s=LATENCY_S, rates=[(0.0, rate_per_s)]) as server:
        usage = Patchsweep(options).run(server, REGIONS).usage
        granted = sorted(at for at, is_granted in server.stats()["answers"][OPERATION] if is_granted)
    used = share(granted, TARGETS, rate_per_s)
    return {"rate_per_s": rate_per_s, "share": used, "cpu_s": usage.cpu_s, "peak_mb": usage.peak_mb}
