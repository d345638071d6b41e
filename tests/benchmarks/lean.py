"""What a night in lean mode costs, in calls, beside a full scan: a fleet that AWS scans every day."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import anyio
import pytest

from scanner.simulator.world.faults import Faults
from tests.benchmarks.plan import Size
from tests.benchmarks.results import Result
from tests.faults.nights import PLATFORMS, half_lacking, nights

NIGHTS = 7  # in which every node is read whole once
GOAL = 7.0  # times fewer calls than a full scan, where AWS filters before it cuts pages
WAYS = {"before it cuts pages": True, "after it cuts pages": False}


def lean(size: Size) -> list[Result]:
    """Calls of seven nights of a fleet half of whose nodes lack something, for both ways in which AWS may filter."""
    runs = [_week(size.lean_nodes, way, filters_first=first) for way, first in WAYS.items()]
    first, after = ([calls / run["full"] for calls in run["nights"]] for run in runs)
    fewer = 1 / mean(first)
    mix = ", ".join(f"{share}0 % {platform}" for platform, share in PLATFORMS.items())
    return [
        Result(
            name="Calls of a night in lean mode",
            about=f"All calls to AWS for {size.lean_nodes} nodes ({mix}), half of which lack something, over {NIGHTS} "
            "nights after a full scan. AWS scans every node every day and finds the same.",
            columns=["AWS filters", "full scan", "a night, mean", "a night, most", "of a full scan"],
            rows=[
                [
                    run["way"],
                    f"{run['full']:,}",
                    f"{mean(run['nights']):,.0f}",
                    f"{max(run['nights']):,}",
                    f"1/{run['full'] / mean(run['nights']):.1f}",
                ]
                for run in runs
            ],
            runs=runs,
            goals={
                f"at most 1/{GOAL:g} of a full scan where AWS filters first: 1/{fewer:.1f}": fewer >= GOAL,
                f"never more than a full scan where it filters after: {max(after):.2f}": max(after) <= 1.0,
            },
        )
    ]


def _week(nodes: int, way: str, *, filters_first: bool) -> dict[str, object]:
    async def run(folder: Path) -> dict[str, object]:
        with (
            pytest.MonkeyPatch.context() as patched,
            nights(half_lacking(nodes), folder, patched, faults=Faults(filter_before_page=filters_first)) as fleet,
        ):
            full = (await fleet.scan("full")).result.scan.requests
            calls = []
            for _ in range(NIGHTS):
                fleet.next_day()
                night = await fleet.scan("lean")
                fleet.assert_dated_truth(night)
                calls.append(night.result.scan.requests)
        return {"way": way, "nodes": nodes, "full": full, "nights": calls}

    with TemporaryDirectory() as folder:
        return anyio.run(run, Path(folder))
