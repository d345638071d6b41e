"""`python -m tests.benchmarks`: run benchmarks, print their tables, write every run as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks import (
    bounds,
    dask_targets,
    delta_worker,
    hot_path,
    lean,
    machines,
    many_targets,
    memory,
    postgresql,
    rate,
    s3_store,
    sinks,
    stalls,
    start_up,
    views,
    worker_memory,
    workers,
)
from tests.benchmarks.plan import FULL, TINY, Size
from tests.benchmarks.results import Result, as_text

BENCHMARKS: Mapping[str, Callable[[Size], list[Result]]] = {
    "plain": hot_path.plain,
    "tls": hot_path.over_tls,
    "store": hot_path.store,
    "stalls": stalls.stalls,
    "targets": many_targets.many_targets,
    "start-up": start_up.start_up,
    "rate": rate.rate,
    "memory": memory.memory,
    "machines": machines.machines,
    "views": views.views,
    "s3": s3_store.s3_store,
    "lean": lean.lean,
    "bounds": bounds.bounds,
    "sinks": sinks.sinks,
    "postgresql": postgresql.postgresql,
    "workers": workers.workers,
    "worker-memory": worker_memory.worker_memory,
    "delta-worker": delta_worker.delta_worker,
    "dask": dask_targets.dask_targets,
    "dask-many": dask_targets.many_dask_targets,
}
LONG = (
    "rate",
    "memory",
    "machines",
    "lean",
    "bounds",
    "sinks",
    "postgresql",
    "workers",
    "worker-memory",
    "delta-worker",
    "dask",
    "dask-many",
    "views",
    "s3",
)  # Minutes each: run only when named
PACKAGES = ("aioboto3", "aiobotocore", "aiohttp", "anyio", "boto3", "botocore", "httptools", "msgspec", "pyarrow")


def machine() -> dict[str, object]:
    """Where and with what it was measured."""
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": cpus[0].partition(": ")[2] if cpus else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def run(names: list[str], size: Size) -> Iterator[tuple[str, Result]]:
    """Run these benchmarks; gives each table as soon as it is ready."""
    for name in names:
        for result in BENCHMARKS[name](size):
            yield name, result


def report_of(size: Size, results: Sequence[tuple[str, Result]]) -> dict[str, object]:
    """What the JSON file holds: where it was measured, and every run."""
    runs = [{"benchmark": name, **asdict(result)} for name, result in results]
    return {**machine(), "size": asdict(size), "results": runs}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="NAMES", help=f"some of {','.join(BENCHMARKS)}; without: all but {LONG}")
    parser.add_argument("--rounds", type=int, default=FULL.rounds, help="of every client, interleaved")
    parser.add_argument("--tiny", action="store_true", help="a few nodes, to see that everything works")
    parser.add_argument(
        "--kept-stores", metavar="FOLDER", default="", help="keep the store of `views` there, or use it"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every run there")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else [name for name in BENCHMARKS if name not in LONG]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    size = replace(TINY if given.tiny else replace(FULL, rounds=given.rounds), kept_stores=given.kept_stores)
    results = []
    for name, result in run(names, size):
        results.append((name, result))
        sys.stdout.write(as_text(result) + "\n")
        sys.stdout.flush()
        if given.json:
            # After each, so that a run that is stopped has lost nothing.
            given.json.write_text(json.dumps(report_of(size, results), indent=1) + "\n")


if __name__ == "__main__":
    main()
