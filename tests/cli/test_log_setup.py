from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from scanner.cli.log_setup import Event, LogObserver, configure, log_scan_ended
from scanner.core.model import CallCounts, ManagedNode, NodeScan, NodeStatus, Scope, Target, TargetOutcome, TargetStatus
from scanner.core.patch_rows import NO_PATCHES
from tests.cli.fake_app import finished

TARGET = Target("111122223333", "eu-west-1", "payments")


@pytest.fixture(autouse=True)
def stderr(capsys):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def events(stderr):
    return [json.loads(line) for line in stderr().splitlines()]


def node(status, reason=None):
    return NodeScan(TARGET, ManagedNode("i-0a"), None, status, reason, NO_PATCHES, 1, 0, 0)


def outcome(status=TargetStatus.SCANNED, reason=None):
    return TargetOutcome(TARGET, status, reason, 2, 600, 14, 3, 1, started_at=1_000, finished_at=2_500)


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=str,
)
def test_a_terminal_is_coloured_unless_it_cannot_or_shall_not_be(environment, is_coloured, stderr, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    configure("console", terminal=True)
    LogObserver().target_ended(outcome())

    assert ("\x1b[" in stderr()) == is_coloured


def test_a_target_has_one_line_with_all_there_is_to_say(stderr):
    configure("json", terminal=False)
    observer = LogObserver()
    observer.target_opened(TARGET, CallCounts())
    observer.nodes_found(TARGET, 2)
    observer.node_ended(node(NodeStatus.VERIFIED))
    observer.target_ended(outcome())

    (event,) = events(stderr)
    assert list(event)[:3] == ["timestamp", "level", "event"]
    del event["timestamp"]
    assert event == {
        "level": "info",
        "event": "target_ended",
        "account_id": "111122223333",
        "region": "eu-west-1",
        "status": "scanned",
        "reason": None,
        "nodes": 2,
        "patch_rows": 600,
        "requests": 14,
        "throttles": 3,
        "retries": 1,
        "seconds": 1.5,
    }


@pytest.mark.parametrize("status", NodeStatus)
def test_a_node_has_a_line_only_where_it_keeps_the_scan_from_being_complete(status, stderr):
    configure("json", terminal=False)
    LogObserver().node_ended(node(status, "because"))

    assert [(event["status"], event["reason"]) for event in events(stderr)] == (
        [] if status.is_complete else [(status.value, "because")]
    )


@pytest.mark.parametrize("regions", ["enabled", "eu-west-1"])
@pytest.mark.parametrize("status", TargetStatus)
def test_a_target_is_a_warning_where_it_is_a_gap(status, regions, stderr):
    configure("json", terminal=False)
    observer, scope = LogObserver(), Scope("current", regions)
    observer.scan_opened(scope)
    observer.target_ended(outcome(status, "because"))

    expected = "warning" if scope.is_gap(status) else "info"
    assert [event["level"] for event in events(stderr)] == [expected]


def test_the_run_has_one_line_after_one_for_each_failed_sink(stderr):
    configure("json", terminal=False)
    result = finished(
        [outcome(), outcome(TargetStatus.DENIED, "no role"), outcome(TargetStatus.DENIED, "no role")],
        {NodeStatus.VERIFIED: 2},
        sink_failures={"csv:out": "full"},
        missing={"Critical": 3},
    )

    log_scan_ended(result, 3)

    sink, run = events(stderr)
    assert (sink["event"], sink["sink"], sink["reason"], sink["level"]) == ("sink_failed", "csv:out", "full", "error")
    assert (run["event"], run["status"], run["nodes_verified"], run["seconds"]) == ("scan_ended", "partial", 2, 200.5)
    assert (run["exit_code"], run["missing"], run["gaps"]) == (3, {"Critical": 3}, {"denied: no role": 2})
    assert "nodes_failed" not in run


@pytest.mark.parametrize(
    ("log_format", "terminal", "is_json"),
    [("auto", True, False), ("auto", False, True), ("json", True, True), ("console", False, False)],
)
def test_the_log_is_for_people_on_a_terminal_and_json_elsewhere(log_format, terminal, is_json, stderr):
    configure(log_format, terminal=terminal)
    structlog.get_logger().info(Event.TARGET_ENDED)

    text = stderr()
    assert text.startswith("{") is is_json
    assert ("\x1b[" in text) is (terminal and not is_json)


def test_no_secret_is_logged(stderr):
    configure("json", terminal=False)
    structlog.get_logger().warning(
        Event.SINK_FAILED, external_id="hush", sink="postgresql://me:hush@db/x", token="hush"
    )

    text = stderr()
    assert "hush" not in text
    assert json.loads(text)["sink"] == "postgresql://me:***@db/x"


def test_control_characters_do_not_reach_a_terminal(stderr):
    configure("console", terminal=False)
    LogObserver().target_ended(outcome(TargetStatus.DENIED, "\x1b[2Jgone\r\nx"))

    text = stderr()
    assert "\x1b" not in text
    assert len(text.splitlines()) == 1


def test_what_was_bound_to_the_context_stands_on_every_line(stderr):
    configure("json", terminal=False)
    with structlog.contextvars.bound_contextvars(account_id="111122223333", region="eu-west-1"):
        structlog.get_logger().info(Event.TARGET_ENDED)

    assert events(stderr)[0]["region"] == "eu-west-1"


NOISY = ["botocore.tokens", "aiobotocore.tokens", "urllib3.connectionpool", "asyncio", "aiohttp.client", "psycopg", "x"]


def log_with_traceback(name):
    try:
        raise ValueError("expired, see http://ann:hush@proxy:3128")  # noqa: TRY301 - made to be logged
    except ValueError:
        logging.getLogger(name).warning("SSO token of %s refused", "ann", exc_info=True)


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_what_libraries_log_does_not_reach_the_user_and_their_tracebacks_never(name, log_format, stderr):
    configure(log_format, terminal=False)
    logging.getLogger(name).info("chatter")
    log_with_traceback(name)

    assert stderr() == ""


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_for_debugging_a_library_gets_one_line_without_traceback_or_secret(name, log_format, stderr):
    configure(log_format, terminal=False, level="debug")
    logging.getLogger(name).debug("Authorization: AWS4-HMAC-SHA256 …")
    log_with_traceback(name)

    (line,) = stderr().splitlines()
    assert "SSO token of ann refused: ValueError: expired" in line
    assert "hush" not in line
    assert "Traceback" not in line


def test_warnings_of_our_own_loggers_and_of_plug_ins_under_our_name_are_shown(stderr):
    configure("json", terminal=False)
    logging.getLogger("patchsweep.sinks.slack").warning("the channel is archived")
    logging.getLogger("scanner").warning("the clock moved")

    assert [event["event"] for event in events(stderr)] == ["the channel is archived", "the clock moved"]


def test_while_progress_is_drawn_only_warnings_and_worse_are_logged(stderr):
    configure("console", terminal=False, level="warning")
    structlog.get_logger().info(Event.TARGET_ENDED)
    structlog.get_logger().warning(Event.SINK_FAILED)

    assert len(stderr().splitlines()) == 1


def test_the_password_of_a_proxy_is_masked_in_every_field(stderr, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:pa/ss@127.0.0.1:3128")
    configure("json", terminal=False)
    structlog.get_logger().warning(Event.TARGET_ENDED, reason="nonnumeric port: 'pa'", detail="ann:pa/ss")

    (event,) = events(stderr)
    assert (event["reason"], event["detail"]) == ("nonnumeric port: '***'", "ann:***")


def test_the_log_follows_stderr_when_something_takes_its_place(stderr, monkeypatch):
    configure("json", terminal=False)
    log = structlog.get_logger()
    log.info(Event.TARGET_ENDED)
    other = io.StringIO()
    monkeypatch.setattr("sys.stderr", other)
    log.info(Event.TARGET_ENDED)

    monkeypatch.undo()
    assert len(stderr().splitlines()) == len(other.getvalue().splitlines()) == 1
