"""`patchsweep` with a task beside it that wakes every 5 ms and notes how long the event loop was held up.

Run as `python -m tests.benchmarks.heartbeat scan …`; all beats go to the file `$HEARTBEAT_FILE`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence

import anyio

from scanner.app import run_scan
from scanner.cli import main
from scanner.core.interfaces import Observer
from scanner.core.model import NodeScan
from scanner.reports.scan_result import ScanResult

BEAT_S = 0.005


class Heartbeat(Observer):
    """Of each beat, how late it came and what CPU the loop's own thread took meanwhile, in ms.

    Observes the scan to know when its first node has ended.
    """

    def __init__(self) -> None:
        self.beats: dict[str, list[tuple[float, float]]] = {"opening": [], "reading": []}
        self._phase = "opening"

    async def beat(self) -> None:
        while True:
            before_s, cpu_before_s = time.perf_counter(), time.thread_time()
            await anyio.sleep(BEAT_S)
            late_s = time.perf_counter() - before_s - BEAT_S
            self.beats[self._phase].append((late_s * 1000, (time.thread_time() - cpu_before_s) * 1000))

    def node_ended(self, scan: NodeScan) -> None:
        self._phase = "reading"


class BeatingApp:
    """`scanner.app` for the command `scan`, its event loop watched."""

    async def run_scan(self, *arguments: object, observers: Sequence[Observer], **options: object) -> ScanResult:
        heart = Heartbeat()
        async with anyio.create_task_group() as watch:
            watch.start_soon(heart.beat)
            finished = await run_scan(*arguments, observers=[*observers, heart], **options)
            watch.cancel_scope.cancel()
        await anyio.Path(os.environ["HEARTBEAT_FILE"]).write_text(json.dumps(heart.beats))
        return finished


if __name__ == "__main__":
    sys.exit(main(app=BeatingApp))
