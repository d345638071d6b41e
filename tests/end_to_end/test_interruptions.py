"""Scans that are killed or told to stop in the middle, and what is left to do when they are resumed."""

from __future__ import annotations

import re
import signal
import socket
import sys
from contextlib import ExitStack, contextmanager
from itertools import islice

import pytest

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from tests.end_to_end.commands import ENDS_WITHIN_S, ORGANIZATION
from tests.end_to_end.tables import STREAMED, assert_right, from_store, from_stream

OFTEN = {"PATCHSWEEP_FLUSH_ROWS": "2000"}  # So that rows come out, and nodes are durable, long before the end
#: So that few nodes are half read at any moment, as they are few in a fleet of thousands.
ONE_AFTER_THE_OTHER = {"PATCHSWEEP_MAX_NODES_PER_TARGET": "4"}
SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)


@pytest.fixture(autouse=True)
def _heard_hangups():
    """Lets processes hear SIGHUP where the tests themselves run under nohup, which they would inherit."""
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def organization(terminal, **size):
    with serve_in_thread(make_world(**size)) as simulator:
        yield simulator, terminal.given(simulator.environment() | OFTEN)


@contextmanager
def silent_server():
    """A server that never answers: its URL, and what waits for the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as connections:
        server.settimeout(ENDS_WITHIN_S)
        yield f"http://127.0.0.1:{server.getsockname()[1]}", lambda: connections.enter_context(server.accept()[0])


def scan_until(user, lines):
    """A scan under way that has shown so many lines of its rows, and those lines."""
    process = user.start("scan", *ORGANIZATION, *STREAMED)
    return process, list(islice(process.stdout, lines))


def test_a_killed_scan_resumes_with_the_same_rows_and_hardly_a_call_more(terminal):
    terminal = terminal.given(ONE_AFTER_THE_OTHER)
    with organization(terminal, accounts=1, regions=1, nodes=900, rows=100) as (simulator, user):
        assert user.run("scan", *ORGANIZATION).code == 0
        undisturbed = simulator.stats.requests()
        process, _ = scan_until(user, lines=30_000)
        process.kill()
        user.ended(process)
        at_the_kill = simulator.stats.requests() - undisturbed
        resumed = user.run("scan", *ORGANIZATION, "--resume", *STREAMED)
        assert (resumed.code, resumed.sentences) == (0, [])
        in_all = simulator.stats.requests() - undisturbed
        assert undisturbed / 4 < at_the_kill < undisturbed
        assert in_all < 1.1 * undisturbed
        assert_right(from_stream(resumed.stdout.splitlines()), simulator.truth())


@SIGNALS
def test_a_stopped_scan_says_how_to_resume_it_and_that_works_as_it_is_typed(terminal, number, code):
    elsewhere = terminal.given({"PATCHSWEEP_STORE": str(terminal.folder / "a store")})
    with organization(elsewhere, accounts=2, regions=1, nodes=120, rows=60) as (simulator, user):
        process, _ = scan_until(user, lines=1)
        process.send_signal(number)
        stopped = user.ended(process)
        assert stopped.code == code
        (sentence,) = stopped.sentences
        command = re.fullmatch("stopped; resume with `(.+)`", sentence)[1]
        resumed = user.without("PATCHSWEEP_STORE").shell(command)
        assert (resumed.code, resumed.sentences) == (0, [])
        assert_right(from_store(user), simulator.truth())


def test_a_scan_under_nohup_outlives_its_terminal(terminal):
    with organization(terminal, accounts=1, regions=1, nodes=60, rows=60) as (simulator, user):
        with user.start_any("nohup", sys.executable, "-m", "scanner", "scan", *ORGANIZATION, *STREAMED) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGHUP)
            process.stdout.read()
        assert process.returncode == 0
        assert_right(from_store(user), simulator.truth())


def scan_ids(user):
    return {folder.name for folder in user.folder.glob("patchsweep-data/scans/*")}


def test_a_killed_run_completes_with_the_same_command_line_under_the_same_scan_id(terminal):
    terminal = terminal.given(ONE_AFTER_THE_OTHER)
    command = ("scan", "--resume-or-start", *ORGANIZATION, *STREAMED)
    with organization(terminal, accounts=1, regions=1, nodes=400, rows=100) as (simulator, user):
        assert user.run("scan", *ORGANIZATION, "--store", "elsewhere").code == 0
        undisturbed = simulator.stats.requests()
        process = user.start(*command)
        list(islice(process.stdout, 15_000))
        process.kill()
        user.ended(process)
        (killed,) = scan_ids(user)
        ended = user.run(*command)
        assert (ended.code, ended.sentences, scan_ids(user)) == (0, [], {killed})
        assert "nodes were in the store already" in ended.stderr
        assert_right(from_stream(ended.stdout.splitlines()), simulator.truth())
        # Only the nodes that were half read when it was killed are read twice.
        assert simulator.stats.requests() - undisturbed < 1.15 * undisturbed
        again = user.run(*command)
        assert again.code == 0
        assert len(scan_ids(user) - {killed}) == 1


def test_an_unfinished_scan_of_another_scope_is_named_and_a_new_one_started(terminal):
    with organization(terminal, accounts=1, regions=1, nodes=100, rows=60) as (_, user):
        process, _lines = scan_until(user, lines=1)
        process.kill()
        user.ended(process)
        (killed,) = scan_ids(user)
        ended = user.run("scan", "--resume-or-start", "--log-format", "json", *ORGANIZATION, "--states", "MISSING")
        assert ended.code == 0
        assert f"the unfinished scan {killed} was not resumed: it was started with other patch filters" in ended.stderr
        assert len(scan_ids(user)) == 2


def test_a_second_ctrl_c_does_no_harm(terminal):
    with organization(terminal, accounts=2, regions=1, nodes=120, rows=60) as (simulator, user):
        process, _ = scan_until(user, lines=1)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        stopped = user.ended(process)
        assert (stopped.code, len(stopped.sentences)) == (130, 1)
        resumed = user.run("scan", "--resume", *STREAMED)
        assert resumed.code == 0
        assert_right(from_stream(resumed.stdout.splitlines()), simulator.truth())


def test_a_scan_stopped_before_it_read_a_node_leaves_nothing_to_resume(terminal):
    with organization(terminal, accounts=1, regions=1, nodes=1) as (_, user), silent_server() as (url, connected):
        process = user.given({"AWS_ENDPOINT_URL": url}).start("scan")
        connected()
        process.send_signal(signal.SIGINT)
        stopped = user.ended(process)
        assert stopped.code == 130
        assert stopped.sentences == ["stopped before a node was read, so there is nothing to resume"]
        assert "no scans in" in user.run("scans").stdout
