"""`jsonl:-`: rows on stdout while the scan runs, and nothing else there."""

from __future__ import annotations

import os
import pty
import termios
from subprocess import DEVNULL
from threading import Thread

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


def test_rows_on_a_terminal_are_those_of_a_pipe(terminal):
    ours, theirs = pty.openpty()
    settings = termios.tcgetattr(theirs)
    settings[1] &= ~termios.OPOST  # line ends as they are sent
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    seen = bytearray()
    reader = Thread(target=_read_all, args=(ours, seen))
    reader.start()
    with serve_in_thread(make_world(accounts=1, regions=1, nodes=6, rows=10)) as simulator:
        ended = terminal.given(simulator.environment()).run_whole("scan", *ORGANIZATION, *STREAMED, stdout=theirs)
        os.close(theirs)
        reader.join()
        assert ended.code == 0
        assert_right(from_stream(seen.decode().splitlines()), simulator.truth())
    os.close(ours)


def _read_all(terminal, seen):
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:  # Linux's end of a terminal whose other side was closed
        pass
