"""`patchsweep` with a task beside it that wakes every 5 ms and notes how late: what the event loop was held up.

Run as `python -m tests.benchmarks.heartbeat scan …`; the lateness in milliseconds goes to the file `$HEARTBEAT_FILE`.
"""

from __future__ import annotations

import json
import os
import sys
import time

import anyio

from scanner.app import Finished, run_scan
from scanner.cli import main

BEAT_S = 0.005


class BeatingApp:
    """`scanner.app` for the command `scan`, its event loop watched."""

    async def run_scan(self, *arguments: object, **options: object) -> Finished:
        late_ms: list[float] = []
        async with anyio.create_task_group() as watch:
            watch.start_soon(_beat, late_ms)
            finished = await run_scan(*arguments, **options)
            watch.cancel_scope.cancel()
        await anyio.Path(os.environ["HEARTBEAT_FILE"]).write_text(json.dumps(late_ms))
        return finished


async def _beat(late_ms: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await anyio.sleep(BEAT_S)
        late_ms.append((time.perf_counter() - before - BEAT_S) * 1000)


if __name__ == "__main__":
    sys.exit(main(app=BeatingApp))
