"""The memory that a worker of a delta scan takes for what the last scan holds of its targets."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.process import set_up_process
from scanner.core.scan_request import patch_filters
from scanner.core.settings import Settings
from scanner.files.local import LocalFiles
from scanner.store.history import HistoryQuery
from scanner.store.store import Store
from tests.benchmarks.big_store import STARTED_MS, targets_of, write_scan
from tests.benchmarks.plan import Size
from tests.benchmarks.processes import bytecode, measured
from tests.benchmarks.results import Result

WORKERS = 2
GOAL_KB = 0.3  # a node of the scan, of which a worker has its share


def worker_memory(size: Size) -> list[Result]:
    """Peak memory of a process that looks up half of the targets of a scan, for two sizes of the scan."""
    runs = [_run(nodes) for nodes in size.worker_nodes]
    few, many = runs
    growth_kb = (many["peak_mb"] - few["peak_mb"]) * 1024 / max(many["nodes"] - few["nodes"], 1)
    return [
        Result(
            name="Memory of a worker of a delta scan",
            about=f"What the last scan holds of one of {WORKERS} slices, looked up in a process of its own.",
            columns=["nodes of the scan", "MB, peak", "CPU s"],
            rows=[[f"{run['nodes']:,}", f"{run['peak_mb']:.0f}", f"{run['cpu_s']:.1f}"] for run in runs],
            runs=runs,
            goals={f"at most {GOAL_KB:g} kB more with each node: {growth_kb:.2f}": growth_kb <= GOAL_KB},
        )
    ]


def _run(nodes: int) -> dict[str, float]:
    rows = [patch_rows_of([Patch(kb_id=f"KB{number}", title="A title", state="Installed")]) for number in range(8)]
    with TemporaryDirectory() as folder:
        anyio.run(write_scan, LocalFiles(folder), rows, nodes, STARTED_MS)
        arguments = [sys.executable, "-m", "tests.benchmarks.worker_memory", folder, str(nodes)]
        usage = measured(arguments, {"PATH": "/usr/bin:/bin", **bytecode()})
    started_s, held, peak_mb = (float(word) for word in usage.stdout.split())
    if held < 0.9 * nodes / WORKERS:
        raise RuntimeError(f"{held} nodes are held of {nodes}")
    return {"nodes": nodes, "peak_mb": peak_mb, "cpu_s": usage.cpu_s - started_s}


async def _look_up(folder: Path, nodes: int) -> int:
    mine = {(each.account_id, each.region) for each in targets_of(nodes)[::WORKERS]}
    found = await Store(LocalFiles(folder)).history(HistoryQuery(mine, patch_filters(Settings()), 0))
    return found.nodes_by_segment().total()


def _peak_mb() -> float:
    """The peak of this process alone: that of `wait4` counts what the process had that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Prints the CPU seconds of its start, how many nodes it holds, and its peak memory."""
    set_up_process()
    started_s = time.process_time()
    held = anyio.run(_look_up, Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(f"{started_s} {held} {_peak_mb()}\n")


if __name__ == "__main__":
    main()
