"""CPU until something happens: the help text, and the first request of a scan."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.plan import Size
from tests.benchmarks.processes import CLIENT_CORE, ROOT, Server, measured, on_core
from tests.benchmarks.results import Result, spread

HELP_GOAL_S = 0.25
SCAN_GOAL_S = 1.0
COMMAND = (sys.executable, "-m", "scanner")


def start_up(size: Size) -> list[Result]:
    """`patchsweep --help` to its end; `patchsweep scan` until its first connection comes."""
    nowhere = Server("http://127.0.0.1:9", None, 0).environment()
    runs = [
        {"help_cpu_s": measured([*COMMAND, "--help"], nowhere).cpu_s, "scan_cpu_s": _until_first_request()}
        for _ in range(size.rounds)
    ]
    help_s, scan_s = ([run[name] for run in runs] for name in ("help_cpu_s", "scan_cpu_s"))
    worst_help_s, worst_scan_s = max(help_s), max(scan_s)
    return [
        Result(
            name="CPU seconds of starting up",
            about="Of the whole process. What loads: `python -X importtime -m scanner`.",
            columns=["until", "CPU s"],
            rows=[
                ["`patchsweep --help` has ended", spread(help_s)],
                ["`scan` asks for the first time", spread(scan_s)],
            ],
            runs=runs,
            goals={
                f"help below {HELP_GOAL_S:g} s: {worst_help_s:.2f} at worst": worst_help_s < HELP_GOAL_S,
                f"scan below {SCAN_GOAL_S:g} s: {worst_scan_s:.2f} at worst": worst_scan_s < SCAN_GOAL_S,
            },
        )
    ]


def _until_first_request() -> float:
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        environment = Server(f"http://127.0.0.1:{listener.getsockname()[1]}", None, 0).environment()
        with on_core(CLIENT_CORE):
            process = subprocess.Popen(
                [*COMMAND, "scan", "--store", f"{folder}/store"],
                env=environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        with process:
            connection, _ = listener.accept()
            cpu_s = cpu_of(process.pid)
            process.kill()
            connection.close()
    return cpu_s


def cpu_of(pid: int) -> float:
    """CPU seconds of all threads of a running process."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
