"""CPU and memory of a scan that asks every source of machines, against one that asks for patches alone, in one run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.clients import NO_LIMIT, SOURCES
from tests.benchmarks.plan import READ_REGIONS, Size, spread_over_regions
from tests.benchmarks.processes import Server, measured, serving
from tests.benchmarks.results import Result

GOAL_MORE = 0.10
#: The same scan with each source off, and as it is by default.
USES = {"off": dict.fromkeys(SOURCES, "off"), "auto": dict.fromkeys(SOURCES, "auto")}


def machines(size: Size) -> list[Result]:
    """CPU seconds and peak memory of `patchsweep scan` with the sources of machines, one instance for each node.

    Raises:
        RuntimeError: the two scans have other rows.
    """
    nodes = size.memory_nodes[1]
    with serving(spread_over_regions(nodes)) as server:
        rounds = [[_scan(server, name, settings) for name, settings in USES.items()] for _ in range(size.rounds)]
        asked = server.stats()["counts"].get("DescribeInstances", 0)
    runs = [min(same, key=lambda run: float(str(run["cpu_s"]))) for same in zip(*rounds, strict=True)]
    without, whole = runs
    if without["rows"] != whole["rows"] or not asked:
        raise RuntimeError(f"the scans have {without['rows']} and {whole['rows']} rows, EC2 was asked {asked} times")
    more = {name: float(str(whole[name])) / float(str(without[name])) - 1 for name in ("cpu_s", "peak_mb")}
    return [
        Result(
            name="A scan that accounts for every machine",
            about=f"`patchsweep scan` of {nodes:,} nodes with its store, where EC2 answers an instance of 5.3 kB "
            "with 15 tags for each node, and Inventory what it keeps of it, against the same scan with the sources of "
            "machines off. Of each the round that took least.",
            columns=["sources", "nodes", "rows", "CPU s", "MB, peak"],
            rows=[
                [str(run["sources"]), f"{nodes:,}", f"{run['rows']:,}", f"{run['cpu_s']:.1f}", f"{run['peak_mb']:.0f}"]
                for run in runs
            ],
            runs=[run for round_ in rounds for run in round_],
            goals={
                f"CPU within {GOAL_MORE:.0%}: {more['cpu_s']:+.1%}": more["cpu_s"] <= GOAL_MORE,
                f"memory within {GOAL_MORE:.0%}: {more['peak_mb']:+.1%}": more["peak_mb"] <= GOAL_MORE,
            },
        )
    ]


def _scan(server: Server, name: str, settings: Mapping[str, str]) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        summary, config = Path(folder, "summary.json"), Path(folder, "patchsweep.toml")
        config.write_text("[coverage]\n" + "".join(f'{source} = "{use}"\n' for source, use in settings.items()))
        arguments = [sys.executable, "-m", "scanner", "scan", "--config", str(config), "--no-progress"]
        arguments += ["--regions", ",".join(READ_REGIONS), "--store", f"{folder}/store", "--summary", str(summary)]
        usage = measured([*arguments, *NO_LIMIT], server.environment())
        rows = json.loads(summary.read_bytes())["patch_rows"]
    return {"sources": name, "rows": rows, "peak_mb": usage.peak_mb, "cpu_s": usage.cpu_s}
