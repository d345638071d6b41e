"""What commands read of a store on S3 with 90 scans: listings, requests and bytes, at a server that counts them."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from functools import partial
from unittest.mock import patch

import anyio

from scanner.files.s3 import open_files
from scanner.store.store import Store
from tests.benchmarks.big_store import DAY_MS, STARTED_MS, write_big_store
from tests.benchmarks.plan import Size
from tests.benchmarks.processes import measured
from tests.benchmarks.results import Result
from tests.benchmarks.views import COMMANDS
from tests.faults.counting_s3 import serve_s3
from tests.store.samples import commit, node

URL = "s3://scans/team"
MOST_LISTS = 3
#: The most that a command may read of the bytes of the scan that it is about.
MOST_SHARE = {"nodes by status": 0.05, "missing by account": 0.15}
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True)
class _Run:
    """What a command asked of S3, and took itself; `share` is of the bytes of the newest scan."""

    what: str
    lists: int
    gets: int
    share: float
    cpu_s: float


async def _fill(nodes: int, scans: int) -> int:
    """Writes small scans and two big ones after them; returns the bytes of the segments of the last."""
    async with open_files(URL) as files:
        store = Store(files)
        for day in range(scans - 2):
            await commit(store, [[node(1, patches=40)]], STARTED_MS - (scans - day) * DAY_MS)
        await write_big_store(files, nodes)
        manifest = await store.manifest((await store.committed())[-1])
    return sum(file.bytes for segment in manifest.segments for file in segment.files)


def s3_store(size: Size) -> list[Result]:
    """Each command in a process of its own; the share is that of the newest scan's segments."""
    runs = []
    with serve_s3("scans") as s3:
        environment = {**os.environ, **_CREDENTIALS, "AWS_ENDPOINT_URL_S3": s3.url}
        with patch.dict(os.environ, environment):
            whole = anyio.run(partial(_fill, size.s3_nodes, size.s3_scans))
        for what, (arguments, _) in COMMANDS.items():
            s3.lists, s3.gets, s3.bytes_read = 0, [], 0
            usage = measured(
                [sys.executable, "-m", "scanner", *arguments, "--store", URL], environment, accepted=(0, 3)
            )
            share = s3.bytes_read / whole
            runs.append(_Run(what, s3.lists, len(s3.gets), share, usage.cpu_s))
    return [
        Result(
            name=f"A store on S3 of {size.s3_scans} scans, {size.s3_nodes:,} nodes in the newest two",
            about=f"The share is of the {whole / 1e6:.1f} MB of the newest scan; cve and diff read others too.",
            columns=["what", "LIST", "GET", "bytes", "CPU s"],
            rows=[[run.what, str(run.lists), str(run.gets), f"{run.share:.1%}", f"{run.cpu_s:.1f}"] for run in runs],
            runs=[asdict(run) for run in runs],
            goals={
                **{f"{run.what}, at most {MOST_LISTS} LIST: {run.lists}": run.lists <= MOST_LISTS for run in runs},
                **{
                    f"{run.what}, at most {MOST_SHARE[run.what]:.0%} of the bytes: {run.share:.1%}": (
                        run.share <= MOST_SHARE[run.what]
                    )
                    for run in runs
                    if run.what in MOST_SHARE
                },
            },
        )
    ]
