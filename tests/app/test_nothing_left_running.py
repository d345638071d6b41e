"""What a command leaves behind in its process: nothing that still runs when the interpreter ends."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from functools import partial

import anyio
import pytest

from scanner.app import run_publish, run_scan
from scanner.core.settings import ScopeSettings, Settings, StoreSettings

pytestmark = pytest.mark.slow

OPENS_THE_FILE = "import duckdb, sys; duckdb.connect(sys.argv[1]).sql('SELECT count(*) FROM patches').fetchall()"


@pytest.mark.slow
@pytest.mark.process
def test_a_scan_and_a_publication_leave_no_thread_and_no_open_database_behind(tmp_path):
    file = tmp_path / "patches.duckdb"
    settings = Settings(
        scope=ScopeSettings(regions=("eu-west-1",)),
        store=StoreSettings(location=str(tmp_path / "store")),
        sinks=(f"duckdb:{file}", f"parquet:{tmp_path / 'tables'}", f"csv:{tmp_path / 'csv'}"),
    )
    before = set(threading.enumerate())
    scan = partial(run_scan, settings, resume=None, demo=True, observers=[], stdout=io.BytesIO())

    result = anyio.run(scan)
    anyio.run(partial(run_publish, settings, result.scan.scan_id, stdout=io.BytesIO()))

    assert result.sink_failures == {}
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(30)  # one that was let go needs the CPU once more before it has ended
    assert [thread for thread in left if thread.is_alive()] == []
    # DuckDB holds its file for one process: another can open it only if every connection here is closed.
    subprocess.run([sys.executable, "-c", OPENS_THE_FILE, str(file)], check=True)
