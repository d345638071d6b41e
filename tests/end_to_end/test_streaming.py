"""`jsonl:-`: rows on stdout while the scan runs, and nothing else there."""

from __future__ import annotations

from subprocess import DEVNULL

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from tests.end_to_end.commands import ORGANIZATION
from tests.end_to_end.tables import STREAMED, assert_right, from_store, from_stream

PATCHES = "DescribeInstancePatches"


def test_rows_come_out_while_the_scan_runs_and_stdout_holds_nothing_else(terminal):
    with serve_in_thread(make_world(accounts=1, regions=1, nodes=300, rows=100)) as simulator:
        user = terminal.given(simulator.environment() | {"PATCHSWEEP_FLUSH_ROWS": "500"})
        with user.start("scan", *ORGANIZATION, *STREAMED, "--progress", stderr=DEVNULL) as process:
            first = process.stdout.readline()
            asked_by_then = simulator.stats.requests(PATCHES)
            rest = process.stdout.readlines()
        assert process.returncode == 0
        assert asked_by_then < simulator.stats.requests(PATCHES)
        assert_right(from_stream([first, *rest]), simulator.truth())


def test_a_reader_that_leaves_early_costs_the_stream_and_nothing_of_the_scan(terminal):
    with serve_in_thread(make_world(accounts=1, regions=1, nodes=60, rows=60)) as simulator:
        user = terminal.given(simulator.environment())
        scan = f"patchsweep scan {' '.join(ORGANIZATION)} --sink jsonl:-"
        ended = user.shell(f"{{ {scan}; echo code $? >&2; }} | head -1")
        assert ended.stdout.startswith('{"table":"nodes",')
        assert ended.stdout.count("\n") == 1
        assert ended.stderr.endswith("code 3\n")
        assert "sink failed jsonl:-: the reader of standard output went away" in " ".join(ended.stderr.split())
        assert_right(from_store(user), simulator.truth())
