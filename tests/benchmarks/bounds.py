"""The share of the rate that one process reaches with the default bounds, where many targets may be read at once.

In virtual time the bounds alone decide it; live the CPU does, too, which the server and the client need 2 cores for.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

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
RATE_PER_S = 20.0


class _Fleet(NamedTuple):
    """So many targets in 25 accounts, each with its rate."""

    targets: int
    rate_per_s: float

    def __str__(self) -> str:
        return f"{self.targets} targets at {self.rate_per_s:g}/s"


#: Where only the last, which leaves most of the core free, meets the goal, the CPU was the limit and not the bounds.
FLEETS = (_Fleet(TARGETS, RATE_PER_S), _Fleet(150, RATE_PER_S), _Fleet(TARGETS, 5.0))


def bounds(size: Size) -> list[Result]:
    """A scan of 200 targets with the default bounds, each target with a rate of its own."""
    return [_virtual(size), _live(size)]


def share(granted: Sequence[float], targets: int, rate_per_s: float) -> float:
    """Returns what part of the granted rate was used in the middle of a run, by the times of its granted calls."""
    since, until = (granted[0] + (granted[-1] - granted[0]) * part for part in MIDDLE)
    return sum(since <= at < until for at in granted) / (targets * rate_per_s * max(until - since, 1e-9))


def _virtual(size: Size) -> Result:
    nodes = max(int(size.rate_s * RATE_PER_S / 54), 1)  # about a ninth of `rate_s`
    used = share(granted_calls(TARGETS, nodes, RATE_PER_S, LATENCY_S), TARGETS, RATE_PER_S)
    return Result(
        name="Share of the granted rate with the default bounds, in virtual time",
        about=f"{TARGETS} targets of {nodes} nodes, {LATENCY_S * 1000:g} ms latency; the middle of the run. Time "
        "passes only while everything waits, so that the bounds decide and not the CPU.",
        columns=["granted to each target", "share"],
        rows=[[f"{RATE_PER_S:g}/s", f"{used:.1%}"]],
        runs=[{"rate_per_s": RATE_PER_S, "nodes": nodes, "share": used}],
        goals={f"at least {GOAL_SHARE:.0%} of the rate: {used:.1%}": used >= GOAL_SHARE},
    )


def _live(size: Size) -> Result:
    runs = [_run(size, fleet) for fleet in FLEETS for _ in range(size.rounds)]
    rows, goals = [], {}
    for fleet in FLEETS:
        of_fleet = [run for run in runs if (run["targets"], run["rate_per_s"]) == fleet]
        shares = [run["share"] for run in of_fleet]
        cells = [spread([run[name] for run in of_fleet], 2) for name in ("share", "core", "server_core")]
        rows.append([str(fleet), *cells, f"{max(run['peak_mb'] for run in of_fleet):.0f}"])
        goals[f"{fleet}: at least {GOAL_SHARE:.0%} of the rate: {median(shares):.0%}"] = median(shares) >= GOAL_SHARE
    return Result(
        name="Share of the granted rate with the default bounds, live",
        about=f"{LATENCY_S * 1000:g} ms latency; the middle of the run. Of a core: CPU by wall time from start to end.",
        columns=["granted", "share", "of the client's core", "of the server's core", "MB, peak"],
        rows=rows,
        runs=runs,
        goals=goals,
    )


def _run(size: Size, fleet: _Fleet) -> dict[str, float]:
    ids = ",".join(str(200_000_000_000 + number) for number in range(ACCOUNTS))
    rate_per_s, regions = fleet.rate_per_s, REGIONS[: fleet.targets // ACCOUNTS]
    options = ("--max-rate", str(rate_per_s), "--rate", str(rate_per_s / 2), "--accounts", ids, "--role-name", "Reader")
    nodes = max(int(size.rate_s * rate_per_s / 18), 1)  # a node has 5.5 pages: about a third of `rate_s`
    with serving(dict.fromkeys(regions, nodes), latency_s=LATENCY_S, rates=[(0.0, rate_per_s)]) as server:
        before_s = server.cpu_s()
        usage = Patchsweep(options).run(server, regions).usage
        server_cpu_s = server.cpu_s() - before_s
        granted = sorted(at for at, is_granted in server.stats()["answers"][OPERATION] if is_granted)
    return {
        "targets": fleet.targets,
        "rate_per_s": rate_per_s,
        "share": share(granted, fleet.targets, rate_per_s),
        "cpu_s": usage.cpu_s,
        "core": usage.cpu_s / usage.wall_s,
        "server_core": server_cpu_s / usage.wall_s,
        "peak_mb": usage.peak_mb,
    }
