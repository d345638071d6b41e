"""What commands take over a big store: commit, `query`, `cve`, `report`, `diff` and `publish` to Parquet files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.big_store import NODES
from tests.benchmarks.plan import Size
from tests.benchmarks.processes import bytecode, measured
from tests.benchmarks.results import Result

MOST_MB = 700.0
GOAL_COMMIT_CPU_S = 3.0
MOST_PARQUET_FILES = 12
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
    "diff, json": (("diff", "--format", "json"), 60.0),
    "diff, events": (("diff", "--format", "events"), 60.0),
}
PARQUET = "publish to parquet"
_PATCHSWEEP = (sys.executable, "-m", "scanner")


def _compiled(small: Path) -> dict[str, str]:
    """Returns the environment of the commands, with the bytecode that an installation has.

    Each command runs once over a small store: where Python may not write bytecode, the first command of each kind would
    be measured with half a second of compiling.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, **bytecode()}
    measured([sys.executable, "-m", "tests.benchmarks.big_store", str(small), "--nodes", "10"], environment)
    for arguments, _ in COMMANDS.values():
        measured([*_PATCHSWEEP, *arguments, "--store", str(small)], environment, accepted=(0, 3))
    return environment


def views(size: Size) -> list[Result]:
    """CPU and peak memory of each over a store on a folder; the goals are those for 100,000 nodes."""
    with _stores(size) as folder:
        store, commit_s = _made(folder, size.view_nodes)
        environment = _compiled(folder / "small")
        runs: list[dict[str, object]] = [{"what": "commit", "cpu_s": commit_s, "peak_mb": None}]
        for what, (arguments, _) in COMMANDS.items():
            usage = measured([*_PATCHSWEEP, *arguments, "--store", str(store)], environment, accepted=(0, 3))
            runs.append({"what": what, "cpu_s": usage.cpu_s, "peak_mb": usage.peak_mb})
        runs.append(_parquet(store, environment))
    return [
        Result(
            name=f"A store of {size.view_nodes:,} nodes",
            about=f"250 patches a node; the goals are for {NODES:,} nodes. Whole processes, but for the commit, which "
            "is that of the making of the store.",
            columns=["what", "CPU s", "MB, peak"],
            rows=[[run["what"], f"{run['cpu_s']:.1f}", _megabytes(run["peak_mb"])] for run in runs],
            runs=runs,
            goals=_goals(runs),
        )
    ]


@contextmanager
def _stores(size: Size) -> Iterator[Path]:
    """Yields the folder that the size names, or one that is removed at the end."""
    if size.kept_stores:
        yield Path(size.kept_stores)
        return
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _made(folder: Path, nodes: int) -> tuple[Path, float]:
    """Returns the store of so many nodes and the CPU seconds of its last commit; makes it if it is not there."""
    store, commit = folder / f"{nodes}-nodes", folder / f"{nodes}-nodes-commit-cpu-s"
    if not commit.exists():
        # In a process of its own: the peak of a child counts the memory of its parent at the fork.
        writer = [sys.executable, "-m", "tests.benchmarks.big_store", str(store), "--nodes", str(nodes)]
        commit.write_text(measured(writer, dict(os.environ)).stdout)
    return store, float(commit.read_text())


def _parquet(store: Path, environment: dict[str, str]) -> dict[str, object]:
    """Sends the newest scan to Parquet files and counts them, those of all tables together."""
    with TemporaryDirectory() as folder:
        arguments = ("publish", "--sink", f"parquet:{folder}", "--store", str(store))
        usage = measured([*_PATCHSWEEP, *arguments], environment)
        files = len(list(Path(folder).rglob("*.parquet")))
    return {"what": PARQUET, "cpu_s": usage.cpu_s, "peak_mb": usage.peak_mb, "files": files}


def _goals(runs: list[dict[str, object]]) -> dict[str, bool]:
    goals = {}
    for run in runs:
        if run["what"] == PARQUET:
            goals[f"{PARQUET}, at most {MOST_PARQUET_FILES} files: {run['files']}"] = run["files"] <= MOST_PARQUET_FILES
            continue
        most_s = GOAL_COMMIT_CPU_S if run["what"] == "commit" else COMMANDS[str(run["what"])][1]
        if most_s is not None:
            goals[f"{run['what']}, at most {most_s:g} CPU s: {run['cpu_s']:.1f}"] = run["cpu_s"] <= most_s
        if most_s is not None and run["peak_mb"] is not None:
            goals[f"{run['what']}, below {MOST_MB:g} MB: {run['peak_mb']:.0f}"] = run["peak_mb"] < MOST_MB
    return goals


def _megabytes(peak_mb: float | None) -> str:
    return "" if peak_mb is None else f"{peak_mb:.0f}"
