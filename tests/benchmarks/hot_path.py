"""CPU of the whole client process for the same pages: what people write with the SDK against patchsweep."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.clients import PATCHES_ALONE, Patchsweep, Peer
from tests.benchmarks.plan import EMPTY_REGIONS, READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import serving
from tests.benchmarks.profiles import make_profiles, pages_of_nodes, rows_of_nodes
from tests.benchmarks.results import Result, ratio, spread

NAIVE = "aioboto3, gather, paginator"
WHOLE = "patchsweep scan, with its store"
MACHINES_TOO = "patchsweep scan, with EC2's machines and tags too"
READING = "patchsweep, reading only"
CLIENTS: Mapping[str, Peer | Patchsweep] = {
    "boto3, 32 threads": Peer("boto3"),
    NAIVE: Peer("aioboto3"),
    WHOLE: Patchsweep(variables=PATCHES_ALONE),
    MACHINES_TOO: Patchsweep(),
    "patchsweep scan, transport = sdk": Patchsweep(variables={**PATCHES_ALONE, "PATCHSWEEP_TRANSPORT": "sdk"}),
    READING: Peer("reading"),
}
TIMES_FEWER = 10.0
STORE_GOAL_S = 6.0


@dataclass(frozen=True)
class Load:
    """The nodes of all Regions together."""

    nodes: int
    pages: int
    rows: int

    @classmethod
    def of(cls, size: Size) -> Load:
        profiles, regions = make_profiles(), spread_over_regions(size.nodes)
        return cls(
            sum(regions.values()),
            sum(pages_of_nodes(profiles, nodes) for nodes in regions.values()),
            sum(rows_of_nodes(profiles, nodes) for nodes in regions.values()),
        )


@dataclass(frozen=True)
class Run:
    """One client in one round: `start_up_cpu_s` is what it took where there was nothing to read."""

    client: str
    tls: bool
    cpu_s: float
    start_up_cpu_s: float
    wall_s: float
    peak_mb: float
    rows: int


def measure(
    size: Size, *, tls: bool, clients: Mapping[str, Peer | Patchsweep] = CLIENTS, unlike: bool = False
) -> list[Run]:
    """Every client in every round, in random order.

    Raises:
        RuntimeError: a client read more or fewer rows than there are.
    """
    load, seeded_random, runs = Load.of(size), random.Random(size.nodes), []
    with serving(spread_over_regions(size.nodes), tls=tls, unlike=unlike) as server:
        for _ in range(size.rounds):
            for name in seeded_random.sample(list(clients), len(clients)):
                nothing = clients[name].run(server, EMPTY_REGIONS)
                everything = clients[name].run(server, READ_REGIONS)
                if everything.rows != load.rows:
                    raise RuntimeError(f"{name} read {everything.rows} of {load.rows} rows")
                usage, start_up_s = everything.usage, nothing.usage.cpu_s
                runs.append(Run(name, tls, usage.cpu_s, start_up_s, usage.wall_s, usage.peak_mb, everything.rows))
    return runs


def plain(size: Size) -> list[Result]:
    """Every client over plain HTTP."""
    return [_result(measure(size, tls=False), Load.of(size), tls=False)]


def over_tls(size: Size) -> list[Result]:
    """Every client over TLS, as with AWS; and two of them where no two nodes list the same page."""
    load, two = Load.of(size), {name: CLIENTS[name] for name in (NAIVE, WHOLE)}
    return [
        _result(measure(size, tls=True), load, tls=True),
        _result(measure(size, tls=True, clients=two, unlike=True), load, tls=True, unlike=True),
    ]


def _result(runs: Sequence[Run], load: Load, *, tls: bool, unlike: bool = False) -> Result:
    thousands = load.pages / 1000
    whole, reading = defaultdict(list), defaultdict(list)
    for run in runs:
        whole[run.client].append(run.cpu_s / thousands)
        reading[run.client].append((run.cpu_s - run.start_up_cpu_s) / thousands)
    rows = [
        [
            name,
            spread(whole[name]),
            f"{ratio(whole[NAIVE], whole[name]):.1f}",
            spread(reading[name]),
            f"{ratio(reading[NAIVE], reading[name]):.1f}",
            f"{load.pages / min(run.wall_s for run in runs if run.client == name):,.0f}",
            f"{max(run.peak_mb for run in runs if run.client == name):.0f}",
        ]
        for name in whole
    ]
    fewer = ratio(whole[NAIVE], whole[WHOLE])
    after_start = ratio(reading[NAIVE], reading[WHOLE])
    return Result(
        name=f"CPU seconds per 1,000 pages of 50 patches, {'TLS' if tls else 'plain HTTP'}"
        + (", no page twice" if unlike else ""),
        about=f"{load.nodes:,} nodes, {load.pages:,} pages, {load.rows:,} rows; median [min-max] of "
        f"{len(runs) // len(whole)} rounds; ratios to the naive client in the same round. All ask for nodes and "
        "patches alone, save where a row says otherwise.",
        columns=["client", "whole process", "times fewer", "less start-up", "times fewer", "pages/s, best", "MB, peak"],
        rows=sorted(rows),
        runs=[{field: getattr(run, field) for field in Run.__dataclass_fields__} for run in runs],
        goals={
            f"whole process {TIMES_FEWER:g} times fewer than naive: {fewer:.1f}": fewer >= TIMES_FEWER,
            f"less start-up {TIMES_FEWER:g} times fewer than naive: {after_start:.1f}": after_start >= TIMES_FEWER,
        },
    )


def store(size: Size) -> list[Result]:
    """What storing a million rows takes beyond reading them."""
    load = Load.of(size)
    runs = measure(size, tls=False, clients={name: CLIENTS[name] for name in (WHOLE, READING)})
    net = defaultdict(list)
    for run in runs:
        net[run.client].append(run.cpu_s - run.start_up_cpu_s)
    millions = load.rows / 1e6
    taken = [(whole - reading) / millions for whole, reading in zip(net[WHOLE], net[READING], strict=True)]
    return [
        Result(
            name="CPU seconds per 1,000,000 rows to store them",
            about=f"`patchsweep scan` less reading alone, each less its start-up; {load.rows:,} rows.",
            columns=["part", "CPU s / 1M rows"],
            rows=[
                ["reading", spread([s / millions for s in net[READING]], 2)],
                ["store, tally, observers", spread(taken, 2)],
            ],
            runs=[{field: getattr(run, field) for field in Run.__dataclass_fields__} for run in runs],
            goals={f"below {STORE_GOAL_S:g}: {spread(taken, 2)}": sorted(taken)[len(taken) // 2] < STORE_GOAL_S},
        )
    ]
