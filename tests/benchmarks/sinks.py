"""What each sink takes beyond a scan with its store, and the whole against a script that writes JSON Lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import median

from tests.benchmarks.clients import PATCHES_ALONE, Patchsweep, Peer
from tests.benchmarks.hot_path import WHOLE, Load, Run, measure
from tests.benchmarks.plan import Size
from tests.benchmarks.results import Result, ratio, spread

NAIVE_JSONL = "aioboto3, gather, paginator, JSON Lines"
JSONL = "jsonl"
#: CPU seconds for a million rows.
GOALS_S: Mapping[str, float] = {JSONL: 1.2, "csv": 1.2, "parquet": 0.8, "duckdb": 1.5}
TIMES_FEWER = 8.0
CLIENTS: Mapping[str, Peer | Patchsweep] = {
    NAIVE_JSONL: Peer("aioboto3-jsonl"),
    WHOLE: Patchsweep(variables=PATCHES_ALONE),
    JSONL: Patchsweep(variables=PATCHES_ALONE, sink="jsonl:{folder}/rows"),
    "csv": Patchsweep(variables=PATCHES_ALONE, sink="csv:{folder}/rows"),
    "parquet": Patchsweep(variables=PATCHES_ALONE, sink="parquet:{folder}/rows"),
    "duckdb": Patchsweep(variables=PATCHES_ALONE, sink="duckdb:{folder}/rows.duckdb"),
}


def sinks(size: Size) -> list[Result]:
    """Every sink after a scan over TLS, each in every round."""
    runs = measure(size, tls=True, clients=CLIENTS)
    cpu_s: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        cpu_s[run.client].append(run.cpu_s)
    load = Load.of(size)
    taken = {
        sink: [(whole - plain) / load.rows * 1e6 for whole, plain in zip(cpu_s[sink], cpu_s[WHOLE], strict=True)]
        for sink in GOALS_S
    }
    fewer = {sink: ratio(cpu_s[NAIVE_JSONL], cpu_s[sink]) for sink in GOALS_S}
    return [
        Result(
            name="CPU seconds per 1,000,000 rows to send them to a sink",
            about=f"`patchsweep scan` with the sink less the same scan without, over TLS; {load.rows:,} rows, median "
            f"[min-max] of {size.rounds} rounds. All ask for nodes and patches alone. The script that writes JSON "
            f"Lines takes {spread(cpu_s[NAIVE_JSONL], 1)} s.",
            columns=["sink", "CPU s / 1M rows", "whole scan, CPU s", "times fewer than the script"],
            rows=[[sink, spread(taken[sink], 2), spread(cpu_s[sink], 1), f"{fewer[sink]:.1f}"] for sink in GOALS_S],
            runs=[{field: getattr(run, field) for field in Run.__dataclass_fields__} for run in runs],
            # A sink that seems to take nothing was measured beside a slower plain scan: it shows nothing.
            goals={
                **{
                    f"{sink} at most {goal:g}: {median(taken[sink]):.2f}": 0 < median(taken[sink]) <= goal
                    for sink, goal in GOALS_S.items()
                },
                f"with its store and {JSONL} {TIMES_FEWER:g} times fewer than the script: {fewer[JSONL]:.1f}": (
                    fewer[JSONL] >= TIMES_FEWER
                ),
            },
        )
    ]
