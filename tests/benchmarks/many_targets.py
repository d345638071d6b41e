"""What a target costs where there are many, and how well they share the time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

from scanner.aws.scope.targets import largest_first
from scanner.core.model import Target
from scanner.core.settings import LimitSettings
from tests.benchmarks.clients import NO_LIMIT, Counted, Patchsweep
from tests.benchmarks.plan import Size
from tests.benchmarks.processes import serving
from tests.benchmarks.profiles import make_profiles, rows_of_nodes
from tests.benchmarks.results import Result, spread

REGIONS = (
    "eu-west-1",
    "us-east-1",
    "eu-central-1",
    "us-west-2",
    "eu-north-1",
    "ca-central-1",
    "sa-east-1",
    "eu-west-3",
)
LATENCY_S = 0.2  # Long enough for all targets to be open at once
GOAL_CPU_MS = 5.0
GOAL_MB = 0.3
GOAL_OVER_MINIMUM = 0.10
RATE_PER_S = 20.0
SHAPE = 1.1  # Of the Pareto distribution: a few targets hold most nodes


def many_targets(size: Size) -> list[Result]:
    """Open targets in one process, and the order of heavy-tailed ones in a model."""
    return [_cost(size), _order(size)]


def _cost(size: Size) -> Result:
    accounts = max(size.targets // len(REGIONS), 1)
    targets = accounts * len(REGIONS)
    runs = []
    for _ in range(size.rounds):
        # One node a target either way: the difference is what the targets beyond the first eight cost.
        few, many = scan_targets(1, targets), scan_targets(accounts, targets)
        more = targets - len(REGIONS) or 1
        runs.append(
            {
                "targets": targets,
                "cpu_ms": (many.usage.cpu_s - few.usage.cpu_s) * 1000 / more,
                "mb": (many.usage.peak_mb - few.usage.peak_mb) / more,
            }
        )
    cpu_ms, mb = ([run[name] for run in runs] for name in ("cpu_ms", "mb"))
    typical_ms, typical_mb = sorted(cpu_ms)[len(runs) // 2], sorted(mb)[len(runs) // 2]
    return Result(
        name="What an open target costs",
        about=f"{targets:,} targets of one node ({accounts} accounts, {len(REGIONS)} Regions, a role in each account), "
        f"all open at once, one core; a scan of {len(REGIONS)} targets is taken off.",
        columns=["per target", "median [min-max]"],
        rows=[["CPU ms, its role, three calls and its node included", spread(cpu_ms, 2)], ["MB", spread(mb, 3)]],
        runs=runs,
        goals={
            f"below {GOAL_CPU_MS:g} ms: {typical_ms:.2f}": typical_ms < GOAL_CPU_MS,
            f"below {GOAL_MB:g} MB: {typical_mb:.3f}": typical_mb < GOAL_MB,
        },
    )


def scan_targets(accounts: int, open_targets: int, *more: str) -> Counted:
    """A scan of this many accounts in all Regions, one node a target.

    Raises:
        RuntimeError: rows are missing.
    """
    ids = [f"{number:012}" for number in range(200_000_000_000, 200_000_000_000 + accounts)]
    options = (*NO_LIMIT, "--accounts", ",".join(ids), "--role-name", "Reader", "--max-in-flight", "2000", *more)
    with serving(dict.fromkeys(REGIONS, 1), latency_s=LATENCY_S) as server:
        done = Patchsweep(options, {"PATCHSWEEP_MAX_OPEN_TARGETS": str(open_targets)}).run(server, REGIONS)
    expected = accounts * len(REGIONS) * rows_of_nodes(make_profiles(), 1)
    if done.rows != expected:
        raise RuntimeError(f"{done.rows} rows were read of {expected}")
    return done


def _order(size: Size) -> Result:
    settings, runs = LimitSettings(), []
    for seed in range(max(size.rounds, 5)):
        calls = heavy_tailed(seed, size.targets)
        least_s = max(*calls.values(), sum(calls.values()) / settings.max_open_targets) / RATE_PER_S
        found = list(calls)
        ordered = largest_first(found, {(t.account_id, t.region): size for t, size in calls.items()})
        run = {
            "seed": seed,
            "least_s": least_s,
            "as_found": total_s(found, calls, settings.max_open_targets) / least_s - 1,
            "largest_first": total_s(ordered, calls, settings.max_open_targets) / least_s - 1,
        }
        runs.append(run)
    ordered, as_found = ([run[name] * 100 for run in runs] for name in ("largest_first", "as_found"))
    return Result(
        name="Total time over the least possible, in a model",
        about=f"{size.targets:,} targets with heavy-tailed sizes, {settings.max_open_targets} open at once, "
        f"{RATE_PER_S:g} calls/s each. The least is the largest target at its rate, or all of them spread evenly.",
        columns=["order", "% over the least"],
        rows=[["largest first, by the last scan", spread(ordered, 1)], ["as found", spread(as_found, 1)]],
        runs=runs,
        goals={
            f"within {GOAL_OVER_MINIMUM:.0%}: {max(ordered):.1f} % at worst": max(ordered) <= GOAL_OVER_MINIMUM * 100
        },
    )


def heavy_tailed(seed: int, targets: int) -> dict[Target, int]:
    """Calls that each target takes, in the order the targets are found in."""
    seeded_random = random.Random(seed)
    return {
        Target(f"{number:012}", "eu-west-1"): min(int(20 * seeded_random.paretovariate(SHAPE)), 60_000)
        for number in range(targets)
    }


def total_s(order: Sequence[Target], calls: dict[Target, int], open_at_once: int) -> float:
    """When the last target ends, if each takes the first free place in this order."""
    places = [0.0] * open_at_once
    for target in order:
        heapq.heappush(places, heapq.heappop(places) + calls[target] / RATE_PER_S)
    return max(places)
