"""CPU and memory of a scan that asks every source of machines, against one that asks for patches alone, in one run."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT, SOURCES
from tests.benchmarks.plan import READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import Server, measured, serving
from tests.benchmarks.results import Result, spread

GOAL_MORE = 0.10
#: The same scan with each source off, and as it is by default.
USES = {"off": dict.fromkeys(SOURCES, "off"), "auto": dict.fromkeys(SOURCES, "auto")}


@dataclass(frozen=True)
class _Run:
    sources: str
    rows: int
    peak_mb: float
    cpu_s: float


def machines(size: Size) -> list[Result]:
    """CPU seconds and peak memory of `patchsweep scan` with the sources of machines, one instance for each node.

    Raises:
        RuntimeError: the two scans have other rows.
    """
    nodes = size.memory_nodes[1]
    with serving(spread_over_regions(nodes)) as server:
        rounds = [_side_by_side(server) for _ in range(size.rounds)]
        asked = server.stats()["counts"].get("DescribeInstances", 0)
    rows = {run.rows for pair in rounds for run in pair}
    if len(rows) > 1 or not asked:
        raise RuntimeError(f"the scans have {rows} rows, EC2 was asked {asked} times")
    cpu = [whole.cpu_s / without.cpu_s - 1 for without, whole in rounds]
    memory = [whole.peak_mb / without.peak_mb - 1 for without, whole in rounds]
    return [
        Result(
            name="A scan that accounts for every machine",
            about=f"`patchsweep scan` of {nodes:,} nodes with its store, where EC2 answers an instance of 5.3 kB "
            "with 15 tags for each node, and Inventory what it keeps of it, against the same scan with the sources of "
            "machines off. Both run at once on one core, since a machine's speed changes from one minute to the next; "
            f"median [min-max] of {size.rounds} rounds.",
            columns=["sources", "nodes", "rows", "CPU s", "MB, peak"],
            rows=[
                [
                    name,
                    f"{nodes:,}",
                    f"{max(rows):,}",
                    spread([run.cpu_s for run in same], 1),
                    spread([run.peak_mb for run in same], 0),
                ]
                for name, same in zip(USES, zip(*rounds, strict=True), strict=True)
            ],
            runs=[asdict(run) for pair in rounds for run in pair],
            goals={
                f"CPU within {GOAL_MORE:.0%}: {median(cpu):+.1%}": median(cpu) <= GOAL_MORE,
                f"memory within {GOAL_MORE:.0%}: {median(memory):+.1%}": median(memory) <= GOAL_MORE,
            },
        )
    ]


def _side_by_side(server: Server) -> list[_Run]:
    with ThreadPoolExecutor(len(USES)) as threads:
        return list(threads.map(partial(_scan, server), USES))


def _scan(server: Server, name: str) -> _Run:
    with TemporaryDirectory() as folder:
        summary, config = Path(folder, "summary.json"), Path(folder, "patchsweep.toml")
        config.write_text("[coverage]\n" + "".join(f'{source} = "{use}"\n' for source, use in USES[name].items()))
        arguments = [sys.executable, "-m", "scanner", "scan", "--config", str(config), "--no-progress"]
        arguments += ["--regions", ",".join(READ_REGIONS), "--store", f"{folder}/store", "--summary", str(summary)]
        usage = measured([*arguments, *NO_LIMIT], server.environment())
        rows = json.loads(summary.read_bytes())["patch_rows"]
    return _Run(name, rows, usage.peak_mb, usage.cpu_s)
