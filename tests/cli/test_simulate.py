from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.cli.running import run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_where_its_variables_say_until_a_signal_comes(number):
    argv = [sys.executable, "-m", "scanner", "simulate", "--node-count", "1", "--fault", "gone=0.5"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        first = server.stderr.readline()
        lines = [server.stdout.readline().strip() for _ in range(7)]
        variables = dict(line.removeprefix("export ").split("=", 1) for line in lines[1:])
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(variables["AWS_ENDPOINT_URL"], timeout=300)
        server.send_signal(number)
        rest = server.communicate(timeout=300)

    assert server.returncode == 0
    assert rest == ("", "")
    assert lines[0] == "unset AWS_PROFILE AWS_SESSION_TOKEN"
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"} <= set(variables)
    assert first.startswith("patchsweep: serving 1 node")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--fault", "gon=1"], "did you mean gone?"),
        (["--fault", "gone=much"], "--fault gone='much': "),
        (["--fault", "gone"], "--fault gone='': "),
        (["--region-count", "18"], "1<=x<=17"),
    ],
)
def test_what_cannot_be_simulated_is_wrong_usage_in_one_sentence(argv, told):
    ended = run("simulate", *argv)

    assert ended.code == 2
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        ended = run("simulate", "--node-count", "0", "--port", port)

    assert ended.code == 2
    assert f"--port {port} cannot be opened on 127.0.0.1" in ended.stderr


def test_a_program_reads_the_variables_as_one_object_and_nothing_else_is_said_where_that_is_asked_for():
    argv = [sys.executable, "-m", "scanner", "simulate", "--node-count", "1", "--format", "json", "-q"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(server.stdout.readline())
        server.send_signal(signal.SIGTERM)
        rest = server.communicate(timeout=300)

    shown = json.loads("".join(lines))
    assert (server.returncode, rest) == (0, ("", ""))
    assert shown["schema_version"] == 1
    assert shown["environment"]["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert shown["unset"] == ["AWS_PROFILE", "AWS_SESSION_TOKEN"]


def test_the_log_options_are_those_of_every_command():
    ended = run("simulate", "--log-format", "json", "--fault", "gon=1")

    assert ended.code == 2
    assert json.loads(ended.stderr)["level"] == "error"
