"""Writes the golden store and the golden sinks; README.md beside it says how.

Imports the modules of commit 130ce8a, so it runs in a checkout of that commit only.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from scanner.simulator.build import make_world
from scanner.simulator.faults import Faults
from scanner.simulator.run import serve_in_thread
from tests.faults.lives import KILLED, Life

EXTERNAL_ID = "golden/130ce8a"
WORLD = make_world(accounts=2, regions=2, nodes=10, rows=7, external_id=EXTERNAL_ID)
NEVER_SCANNED = Faults(seed=3, never_scanned=0.2)
ROLE_MISSING = Faults(seed=3, never_scanned=0.2, role_missing=1.0)
PATCHSWEEP = [sys.executable, "-m", "scanner"]
TABLES = ("patches", "nodes", "targets", "scans")
SINKS = ("jsonl:{}/jsonl", "csv:{}/csv", "parquet:{}/parquet", "duckdb:{}/patchsweep.duckdb")


def settings(simulator, store: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        **simulator.environment(),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PATCHSWEEP_STORE": str(store),
        "PATCHSWEEP_ACCOUNTS": "organization",
        "PATCHSWEEP_REGIONS": "enabled",
        "PATCHSWEEP_ROLE_NAME": WORLD.role_name,
        "PATCHSWEEP_EXTERNAL_ID": EXTERNAL_ID,
        "PATCHSWEEP_RATE": "2000",
        "PATCHSWEEP_MAX_RATE": "2000",
        "PATCHSWEEP_BURST": "2000",
        "PATCHSWEEP_MAX_OPEN_TARGETS": "1",
    }


def scan(store: Path, faults: Faults, *options: str, code: int) -> None:
    with serve_in_thread(WORLD, faults=faults) as simulator:
        ended = subprocess.run([*PATCHSWEEP, "scan", *options], env=settings(simulator, store), check=False)
    assert ended.returncode == code, ended.returncode
    time.sleep(1.1)  # ids of scans sort by the second


def scan_and_kill(store: Path) -> None:
    """Dies at the tenth change to its files: two of three segments are stored by then."""
    with serve_in_thread(WORLD, faults=NEVER_SCANNED) as simulator:
        environment = settings(simulator, store) | {"PATCHSWEEP_FLUSH_ROWS": "20"}
        life = Life(["scan", "--sink", f"jsonl:{store.parent / 'unfinished-sink'}"], environment, store, 10)
        assert life.wait() == KILLED


def expected(store: Path) -> dict[str, list[dict]]:
    """Every table as the same version reads it."""
    environment = {"PATH": os.environ["PATH"], "PATCHSWEEP_STORE": str(store)}
    rows = {}
    for table in TABLES:
        query = [*PATCHSWEEP, "query", "--scan", "all", "--format", "json", f"SELECT * FROM {table} ORDER BY ALL"]
        rows[table] = json.loads(subprocess.run(query, env=environment, check=True, stdout=subprocess.PIPE).stdout)
    return rows


def main(store_folder: Path, sinks_folder: Path) -> None:
    store = store_folder / "store"
    scan(store, NEVER_SCANNED, code=0)
    scan(store, ROLE_MISSING, code=3)
    scan(store, NEVER_SCANNED, "--mode", "delta", code=0)
    scan_and_kill(store)
    (store_folder / "expected.json").write_text(json.dumps(expected(store)).replace("}, {", "},\n{") + "\n")
    complete = min(path.name for path in (store / "scans").iterdir())
    sinks = [option for sink in SINKS for option in ("--sink", sink.format(sinks_folder))]
    publish = [*PATCHSWEEP, "publish", *sinks, "--store", str(store), complete]
    subprocess.run(publish, env={"PATH": os.environ["PATH"]}, check=True)
    database = sinks_folder / "patchsweep.duckdb"
    (sinks_folder / "patchsweep.duckdb.gz").write_bytes(gzip.compress(database.read_bytes(), mtime=0))
    database.unlink()


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:3]))
