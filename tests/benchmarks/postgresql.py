"""How fast a stored scan goes into PostgreSQL, and what the command and the server take of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import psycopg

from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.benchmarks.big_store import write_big_store
from tests.benchmarks.plan import Size
from tests.benchmarks.processes import measured
from tests.benchmarks.results import Result, spread
from tests.postgresql_server import running_server

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def postgresql(size: Size) -> list[Result]:
    """Publishes the same scan into an empty database in every round; the server has its default settings, less fsync.

    Raises:
        RuntimeError: rows are missing.
    """
    runs = []
    with TemporaryDirectory() as folder, running_server() as server:
        scan_id, wanted = anyio.run(_store, folder, size.postgresql_nodes)
        for _ in range(size.rounds):
            with server.database() as url:
                before_s = _cpu_s(server.pid)
                publishing = [sys.executable, "-m", "scanner", "publish", scan_id, "--store", folder, "--sink", url]
                usage = measured(publishing, dict(os.environ))
                server_s = _cpu_s(server.pid) - before_s
                with psycopg.connect(url) as connection:
                    (rows,) = connection.execute("SELECT count(*) FROM patches").fetchone() or (0,)
            if rows != wanted:
                raise RuntimeError(f"the database has {rows} of {wanted} rows")
            millions = rows / 1e6
            each = {"wall_s": usage.wall_s, "client_s": usage.cpu_s, "server_s": server_s}
            runs.append({"rows": rows, **{name: taken / millions for name, taken in each.items()}})
    return [
        Result(
            name="A stored scan to PostgreSQL",
            about=f"{wanted:,} patch rows, `patchsweep publish` into new tables; by a million rows.",
            columns=["what", "s, median [min-max]"],
            rows=[
                ["wall", spread([run["wall_s"] for run in runs], 2)],
                ["CPU of the command", spread([run["client_s"] for run in runs], 2)],
                ["CPU of the server", spread([run["server_s"] for run in runs], 2)],
            ],
            runs=runs,
        )
    ]


async def _store(folder: str, nodes: int) -> tuple[str, int]:
    """Returns the newest scan of a new store, and how many patch rows it has."""
    files = LocalFiles(folder)
    await write_big_store(files, nodes)
    store = Store(files)
    scan_id = (await store.committed())[-1]
    return scan_id, sum(segment.patch_rows for segment in (await store.manifest(scan_id)).segments)


def _cpu_s(pid: int) -> float:
    """Returns the CPU time of a process, and of its children, those that have ended included."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(stat.parent.name) == pid:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            ticks += sum(map(int, fields[11:13]))
    return ticks / _TICKS_A_SECOND
