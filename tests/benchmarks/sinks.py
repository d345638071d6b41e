"""What each sink takes beyond a scan with its store, and the whole against a script that writes JSON Lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from tests.benchmarks.clients import PATCHES_ALONE, Patchsweep, Peer
from tests.benchmarks.hot_path import WHOLE, Load, measure
from tests.benchmarks.plan import Size
from tests.benchmarks.results import Result, at_most, ratio, spread
from tests.benchmarks.stored_scans import sent_to_sinks

NAIVE_JSONL = "aioboto3, gather, paginator, JSON Lines"
JSONL = "jsonl"
#: CPU seconds for a million rows.
GOALS_S: Mapping[str, float] = {JSONL: 1.2, "csv": 1.2, "parquet": 0.8, "duckdb": 1.5}
TIMES_FEWER = 8.0
SINKS: Mapping[str, str] = {
    JSONL: "jsonl:{folder}/rows",
    "csv": "csv:{folder}/rows",
    "parquet": "parquet:{folder}/rows",
    "duckdb": "duckdb:{folder}/rows.duckdb",
}
CLIENTS: Mapping[str, Peer | Patchsweep] = {
    NAIVE_JSONL: Peer("aioboto3-jsonl"),
    WHOLE: Patchsweep(variables=PATCHES_ALONE),
    **{name: Patchsweep(variables=PATCHES_ALONE, sink=sink) for name, sink in SINKS.items()},
}


def sinks(size: Size) -> list[Result]:
    """Every sink after a scan over TLS, each in every round, and publications of a stored scan."""
    runs, sent = measure(size, tls=True, clients=CLIENTS), sent_to_sinks(size, SINKS)
    cpu_s: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        cpu_s[run.client].append(run.cpu_s)
    millions = Load.of(size).rows / 1e6
    taken = {sink: [each.cpu_s / millions for each in sent[sink]] for sink in SINKS}
    starts = {sink: [each.start_cpu_s / millions for each in sent[sink]] for sink in SINKS}
    more = {sink: [each / millions for each in _less(cpu_s[sink], cpu_s[WHOLE])] for sink in SINKS}
    fewer = {sink: ratio(cpu_s[NAIVE_JSONL], cpu_s[sink]) for sink in SINKS}
    table = [
        [
            sink,
            spread(taken[sink], 2),
            spread(starts[sink], 2),
            spread(more[sink], 2),
            spread(cpu_s[sink], 1),
            f"{fewer[sink]:.1f}",
        ]
        for sink in SINKS
    ]
    goals = {
        f"{sink} at most {goal:g}: {spread(taken[sink], 2)}": at_most(taken[sink], goal)
        for sink, goal in GOALS_S.items()
    }
    whole = f"with its store and {JSONL} {TIMES_FEWER:g} times fewer than the script: {fewer[JSONL]:.1f}"
    return [
        Result(
            name="CPU seconds per 1,000,000 rows to send them to a sink",
            about=_about(size, cpu_s[NAIVE_JSONL]),
            columns=["sink", "CPU s / 1M rows", "of it start", "by scans", "whole scan, CPU s", "times fewer"],
            rows=table,
            runs=[*map(asdict, runs), *(asdict(each) for sink in SINKS for each in sent[sink])],
            goals={**goals, whole: fewer[JSONL] >= TIMES_FEWER},
        )
    ]


def _about(size: Size, script_cpu_s: Sequence[float]) -> str:
    return (
        f"What `patchsweep publish` takes for the {Load.of(size).rows:,} rows of a stored scan in {size.sink_rounds} "
        "rounds, and what the sink adds to the start of a scan of none; median [min-max]. `by scans` is a scan with "
        f"the sink less one without, over TLS, in {size.rounds} rounds: where the speed of the machine changes from "
        "one to the other, it says little. All ask for nodes and patches alone. The script that writes JSON Lines "
        f"takes {spread(script_cpu_s, 1)} s, so many times what a whole scan does."
    )


def _less(whole: Sequence[float], plain: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(whole, plain, strict=True)]
