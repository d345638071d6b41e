"""Metrics and notifications of `patchsweep scan`: none of them changes the scan or its exit code."""

from __future__ import annotations

import json
import os

import pytest

from scanner.core.errors import Interrupted, StoreError
from scanner.core.model import NodeStatus, TargetStatus
from tests.cli.fake_app import TARGETS, FakeApp, finished, outcome
from tests.cli.running import run

HOOK = "slack:https://hooks.slack.com/services/T/B/hunter2"
PARTIAL = finished([outcome(TARGETS[0], TargetStatus.DENIED, "no role")], {NodeStatus.VERIFIED: 1})


class HeardApp(FakeApp):
    def __init__(self, ending=None, failures=None, during=None):
        super().__init__(ending)
        self.during = during or (lambda: None)
        self.heard = []
        self.failures = failures or {}

    async def run_scan(self, settings, **how):
        self.during()
        return await super().run_scan(settings, **how)

    async def run_finish(self, settings, scan_id, *, observers, stdout):
        return await self.run_scan(settings, resume=scan_id, demo=False, observers=observers, stdout=stdout)

    async def run_notify(self, settings, message, metrics):
        self.heard.append(message)
        if isinstance(self.failures, BaseException):
            raise self.failures
        return dict(self.failures)


def scan(app, *argv):
    return run("scan", "--log-format", "json", *argv, app=app)


def messages(ended):
    return [line for line in map(json.loads, ended.stderr.splitlines()) if line.get("event") == "message"]


def test_the_summary_is_sent_when_the_scan_has_ended():
    app = HeardApp(PARTIAL)

    ended = scan(app, "--notify", HOOK)

    (message,) = app.heard
    assert (message.status, message.exit_code, message.document["schema_version"]) == ("partial", ended.code, 1)
    assert message.document["scan_id"] == PARTIAL.scan.scan_id


def test_a_scan_that_workers_have_read_is_announced_when_it_is_finished(tmp_path):
    file, app = tmp_path / "patchsweep.prom", HeardApp(PARTIAL)

    ended = run("finish", "a-scan", "--notify", HOOK, "--metrics", f"prometheus:{file}", app=app)
    failed = run("finish", "a-scan", "--notify", HOOK, app=(lost := HeardApp(StoreError("rows were lost"))))

    assert [(message.status, message.exit_code) for message in app.heard] == [("partial", ended.code)]
    assert f"patchsweep_exit_code {ended.code}\n" in file.read_text()
    assert [message.document["errors"] for message in lost.heard] == [["rows were lost"]]
    assert failed.code == 1


def test_a_summary_that_cannot_be_written_does_not_keep_the_scan_from_being_announced(tmp_path):
    (folder := tmp_path / "summaries").mkdir()
    app = HeardApp(PARTIAL, during=folder.rmdir)

    ended = scan(app, "--notify", HOOK, "--summary", str(folder / "summary.json"))

    (message,) = app.heard
    assert (message.status, message.exit_code, ended.code) == ("partial", 1, 1)
    assert f"{folder} of the summary file" in ended.stderr


def test_a_destination_that_fails_is_named_and_the_exit_code_stays():
    ended = scan(HeardApp(failures={"slack:https://hooks.slack.com/***": "answered 404"}), "--notify", HOOK)

    assert ended.code == 0
    (line,) = messages(ended)
    assert (line["level"], line["reason"]) == ("error", "answered 404")
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize("trouble", [RuntimeError("bug"), KeyboardInterrupt()], ids=repr)
def test_not_even_a_bug_or_ctrl_c_while_sending_changes_the_exit_code(trouble):
    ended = scan(HeardApp(failures=trouble), "--notify", HOOK)

    assert ended.code == 0
    assert "notification failed" in messages(ended)[0]["message"]


def test_only_problems_are_sent_if_that_is_wanted():
    fine, partial = HeardApp(), HeardApp(PARTIAL)

    scan(fine, "--notify", HOOK, "--notify-when", "problems")
    scan(partial, "--notify", HOOK, "--notify-when", "problems")

    assert (len(fine.heard), len(partial.heard)) == (0, 1)


def test_a_run_that_commits_no_scan_says_why():
    app = HeardApp(StoreError("the store is full"))

    ended = scan(app, "--notify", HOOK)

    (message,) = app.heard
    assert ended.code == message.exit_code == 1
    assert (message.status, message.document["errors"]) == ("not_committed", ["the store is full"])


def test_a_run_that_a_signal_stopped_ends_at_once():
    app = HeardApp(Interrupted("stopped", 15))

    assert scan(app, "--notify", HOOK).code == 143
    assert app.heard == []


def test_numbers_go_to_a_file_that_others_may_read_and_to_stderr_as_json(tmp_path):
    file = tmp_path / "patchsweep.prom"

    ended = scan(HeardApp(PARTIAL), "--metrics", f"prometheus:{file}", "--metrics", "emf", "-q")

    assert f"patchsweep_exit_code {ended.code}\n" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    (line,) = [json.loads(line) for line in ended.stderr.splitlines() if "_aws" in line]
    assert (line["ScanCommitted"], line["scan_id"]) == (1, PARTIAL.scan.scan_id)


def test_lines_are_appended_to_a_file(tmp_path):
    file = tmp_path / "emf.log"
    for _ in range(2):
        scan(HeardApp(), "--metrics", f"emf:{file}")

    assert [json.loads(line)["ExitCode"] for line in file.read_text().splitlines()] == [0, 0]


def test_a_pipe_that_no_process_reads_is_named_and_does_not_block(tmp_path):
    pipe = tmp_path / "emf.pipe"
    os.mkfifo(pipe)

    ended = scan(HeardApp(), "--metrics", f"emf:{pipe}")

    assert ended.code == 0
    assert "no process reads this pipe" in ended.stderr


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--metrics", "prometheus:/none/x.prom"), "/none"),
        (("--metrics", "statsd"), "not a place for metrics"),
        (("--notify", "sms:1"), "not a kind of notification"),
        (("--config", "file.toml"), "webhook secret"),
    ],
    ids=str,
)
def test_what_could_not_work_is_said_before_the_scan(argv, says, tmp_path):
    (tmp_path / "file.toml").write_text('[notify]\nwebhook_secret = "whsec_no base64"\n')
    app = HeardApp()

    ended = scan(app, *argv)

    assert (ended.code, app.settings) == (2, None)
    assert says in ended.stderr


def test_config_show_and_mistakes_keep_the_secret(monkeypatch):
    monkeypatch.setenv("PATCHSWEEP_NOTIFY", f"{HOOK};webhook:https://host/hunter2")
    monkeypatch.setenv("PATCHSWEEP_WEBHOOK_SECRET", "hunter2")

    shown = run("config", "show", "--format", "json")

    assert "hunter2" not in shown.stdout
    assert json.loads(shown.stdout)["settings"]["notify.to"] == [
        "slack:https://hooks.slack.com/***",
        "webhook:https://host/***",
    ]
