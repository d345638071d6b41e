"""What SQL over a big store takes: commit, `query`, `cve`, `report` and `diff`, each a process of its own."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from msgspec import structs

from scanner.files.local import LocalFiles
from scanner.store.layout import ScanNames
from scanner.store.open_scan import OpenScan
from scanner.store.store import Store
from tests.benchmarks.big_store import NODES, write_big_store
from tests.benchmarks.plan import Size
from tests.benchmarks.processes import measured
from tests.benchmarks.results import Result

MOST_MB = 700.0
GOAL_COMMIT_CPU_S = 3.0
_BY_ACCOUNT = "SELECT account_id, count(*) FROM patches WHERE state = 'MISSING' GROUP BY 1 ORDER BY 2 DESC"
_BY_STATUS = "SELECT status, count(*) FROM nodes GROUP BY 1"
#: Arguments of a command, and its goal in seconds of CPU; None: it has none.
COMMANDS: dict[str, tuple[tuple[str, ...], float | None]] = {
    "scans": (("scans",), None),
    "nodes by status": (("query", _BY_STATUS), None),
    "missing by account": (("query", _BY_ACCOUNT), 1.0),
    "cve": (("cve", "CVE-2026-1234"), 3.0),
    "report": (("report", "--output", "-"), 6.0),
    "diff, table": (("diff",), 60.0),
}


def views(size: Size) -> list[Result]:
    """CPU and peak memory of each over a store on a folder; the goals are those for 100,000 nodes."""
    with TemporaryDirectory() as folder:
        anyio.run(write_big_store, LocalFiles(folder), size.view_nodes)
        runs = [{"what": "commit", "cpu_s": anyio.run(_commit_cpu_s, Path(folder)), "peak_mb": None}]
        for what, (arguments, _) in COMMANDS.items():
            command = [sys.executable, "-m", "scanner", *arguments, "--store", folder]
            usage = measured(command, dict(os.environ), accepted=(0, 3))
            runs.append({"what": what, "cpu_s": usage.cpu_s, "peak_mb": usage.peak_mb})
    return [
        Result(
            name=f"A store of {size.view_nodes:,} nodes",
            about=f"250 patches a node; the goals are for {NODES:,} nodes. Whole processes, but for the commit.",
            columns=["what", "CPU s", "MB, peak"],
            rows=[[run["what"], f"{run['cpu_s']:.1f}", _megabytes(run["peak_mb"])] for run in runs],
            runs=runs,
            goals=_goals(runs),
        )
    ]


async def _commit_cpu_s(folder: Path) -> float:
    """Returns the CPU that it takes to commit the newest scan once more."""
    files = LocalFiles(folder)
    store = Store(files)
    scan_id = await store.resolve()
    manifest = await store.manifest(scan_id)
    outcomes = ()
    (folder / ScanNames(scan_id).manifest).unlink()
    begun = time.process_time()
    await OpenScan(files, ScanNames(scan_id)).commit(structs.replace(manifest.scan, nodes={}), outcomes)
    return time.process_time() - begun


def _goals(runs: list[dict[str, object]]) -> dict[str, bool]:
    goals = {}
    for run in runs:
        most_s = GOAL_COMMIT_CPU_S if run["what"] == "commit" else COMMANDS[str(run["what"])][1]
        if most_s is not None:
            goals[f"{run['what']}, at most {most_s:g} CPU s: {run['cpu_s']:.1f}"] = run["cpu_s"] <= most_s
        if most_s is not None and run["peak_mb"] is not None:
            goals[f"{run['what']}, below {MOST_MB:g} MB: {run['peak_mb']:.0f}"] = run["peak_mb"] < MOST_MB
    return goals


def _megabytes(peak_mb: float | None) -> str:
    return "" if peak_mb is None else f"{peak_mb:.0f}"
