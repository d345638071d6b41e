from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from scanner.cli.scan import command
from scanner.cli.settings.keys import KEYS
from scanner.cli.settings.load import load
from scanner.core.errors import ConfigError
from scanner.core.model import NodeStatus, Scope, TargetStatus
from scanner.core.scan_request import LATEST_OR_NEW
from scanner.core.settings import Settings
from tests.cli.fake_app import TARGETS, FakeApp, finished, outcome
from tests.cli.running import run
from tests.cli.stored import NEW

PARTIAL = finished(
    [outcome(TARGETS[0], nodes=2), outcome(TARGETS[1], TargetStatus.DENIED, "the role reader cannot be assumed")],
    {NodeStatus.VERIFIED: 2},
)
FAILED = finished([outcome(TARGETS[1], TargetStatus.DENIED, "the role reader cannot be assumed")], {})
GIVEN = {
    "--accounts": ("111122223333,444455556666", "scope.accounts"),
    "--exclude-accounts": ("777788889999", "scope.exclude_accounts"),
    "--ous": ("ou-a1b2-c3d4e5f6,r-a1b2", "scope.ous"),
    "--exclude-ous": ("ou-a1b2-c3d4e5f6", "scope.exclude_ous"),
    "--regions": ("eu-west-1,us-gov-west-1", "scope.regions"),
    "--exclude-regions": ("eu-west-1", "scope.exclude_regions"),
    "--role-name": ("reader", "scope.role_name"),
    "--external-id": ("hush", "scope.external_id"),
    "--tag": ("Env=prod,test", "nodes.tags"),
    "--platform": ("linux", "nodes.platform_types"),
    "--ping-status": ("Online", "nodes.ping_statuses"),
    "--states": ("missing,FAILED", "patches.states"),
    "--severities": ("Critical", "patches.severities"),
    "--classifications": ("Security", "patches.classifications"),
    "--kb-ids": ("KB1,KB2", "patches.kb_ids"),
    "--coverage-ec2": ("required", "coverage.ec2"),
    "--coverage-inventory": ("off", "coverage.inventory"),
    "--coverage-associations": ("off", "coverage.associations"),
    "--coverage-tags": ("off", "coverage.tags"),
    "--coverage-baselines": ("off", "coverage.baselines"),
    "--coverage-unmanaged": ("gap", "coverage.unmanaged"),
    "--tag-keys": ("Team,Env", "nodes.tag_keys"),
    "--mode": ("delta", "mode"),
    "--store": ("s3://bucket/prefix", "store.location"),
    "--kms-key-id": ("alias/patchsweep", "store.kms_key_id"),
    "--acl": ("bucket-owner-full-control", "store.acl"),
    "--expected-bucket-owner": ("111122223333", "store.expected_bucket_owner"),
    "--sink": ("csv:out", "sinks"),
    "--rate": ("4", "limits.rate_per_s"),
    "--max-rate": ("40", "limits.max_rate_per_s"),
    "--max-in-flight": ("7", "limits.max_in_flight"),
    "--log-format": ("json", "log_format"),
    "--summary": ("summary.json", "summary"),
    "--notify": ("slack:https://hooks.slack.com/x,y", "notify.to"),
    "--notify-when": ("problems", "notify.when"),
    "--metrics": ("emf:numbers.log", "metrics.to"),
}


def test_without_options_the_defaults_reach_the_app():
    app = FakeApp()

    assert run("scan", app=app).code == 0
    assert (app.settings, app.resume, app.demo) == (Settings(), None, False)


@pytest.mark.parametrize("option", GIVEN)
def test_an_option_reaches_the_app_as_its_setting_and_so_does_its_variable(option, monkeypatch):
    text, path = GIVEN[option]
    extra = [] if option == "--role-name" else ["--role-name", "reader"]
    accounts = {"scope.accounts": "organization"} if option.endswith("ous") else {}
    extra += ["--accounts", "organization"] if accounts else []
    by_option, by_variable = FakeApp(), FakeApp()

    assert run("scan", option, text, *extra, app=by_option).code == 0
    monkeypatch.setenv(KEYS[path].variable, text)
    assert run("scan", *extra, app=by_variable).code == 0

    role = {"scope.role_name": "reader"} | accounts
    assert by_option.settings == by_variable.settings == load(None, {}, role | {path: text})
    assert by_option.settings != load(None, {}, {} if option == "--role-name" else role)


def test_every_setting_with_an_option_here_is_tried_above():
    named = [parameter for parameter in command.params if "__" in (parameter.name or "")]
    flags = {option for parameter in named if getattr(parameter, "is_flag", False) for option in parameter.opts}

    assert {option for parameter in named for option in parameter.opts} - flags <= set(GIVEN)
    assert flags == {"--not-applicable"}


@pytest.mark.parametrize(("option", "value"), [("--not-applicable", True), ("--no-not-applicable", False)])
def test_a_setting_that_is_a_flag_can_be_turned_on_and_off(option, value, monkeypatch):
    by_option, by_variable = FakeApp(), FakeApp()

    assert run("scan", option, app=by_option).code == 0
    monkeypatch.setenv("PATCHSWEEP_NOT_APPLICABLE", str(value).lower())
    assert run("scan", app=by_variable).code == 0
    assert by_option.settings.patches.not_applicable is by_variable.settings.patches.not_applicable is value


def test_a_repeated_sink_is_several_sinks():
    app = FakeApp()
    run("scan", "--sink", "jsonl:-", "--sink", "postgresql://a,b/db", app=app)

    assert app.settings.sinks == ("jsonl:-", "postgresql://a,b/db")


@pytest.mark.parametrize(
    ("argv", "resume"),
    [(["--resume"], "latest"), (["--resume", "20261123T210611Z-a1b2c3"], "20261123T210611Z-a1b2c3"), ([], None)],
)
def test_resume_takes_a_scan_or_the_newest(argv, resume):
    app = FakeApp()
    run("scan", *argv, app=app)

    assert app.resume == resume


def test_a_scheduler_asks_for_the_newest_unfinished_scan_of_its_request_or_a_new_one():
    app = FakeApp()

    assert run("scan", "--resume-or-start", app=app).code == 0
    assert app.resume == LATEST_OR_NEW


def test_resume_and_resume_or_start_exclude_each_other():
    ended = run("scan", "--resume", "--resume-or-start", app=FakeApp())

    assert ended.code == 2
    assert "exclude each other" in ended.stderr


@pytest.mark.parametrize("workers", ["0", "257", "99999999999999999999"])
def test_more_workers_than_a_machine_has_memory_for_are_refused_before_any_is_started(workers):
    ended = run("scan", "--workers", workers, app=FakeApp())

    assert ended.code == 2
    assert "1<=x<=256" in ended.stderr


def test_resume_may_stand_before_another_option():
    app = FakeApp()
    run("scan", "--resume", "--demo", app=app)

    assert (app.resume, app.demo) == ("latest", True)


def test_a_demo_knows_the_role_of_its_own_organization():
    app = FakeApp()

    assert run("scan", "--accounts", "organization", app=app).code == 2
    assert run("scan", "--accounts", "organization", "--demo", app=app).code == 0
    assert app.settings.scope.role_name == "patchsweep-reader"


@pytest.mark.parametrize(("flag", "progress"), [("--progress", True), ("--no-progress", False)])
def test_progress_can_be_asked_for_and_declined(flag, progress):
    app = FakeApp()
    run("scan", flag, app=app)

    assert app.settings.progress is progress


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (FakeApp().ending, 0),
        (PARTIAL, 3),
        (FAILED, 1),
        (finished([outcome(TARGETS[0])], {}, sink_failures={"csv:out": "the disk is full"}), 3),
    ],
    ids=["complete", "partial", "failed", "sink failed"],
)
def test_the_exit_code_and_the_first_line_of_the_summary_tell_how_it_ended(ending, code):
    ended = run("scan", "--log-format", "console", app=FakeApp(ending))

    assert ended.code == code
    assert ended.stdout == ""
    how = "failed" if code == 1 else f"is {ending.scan.status}"
    assert f"Scan {ending.scan.scan_id} {how}" in ended.stderr


def test_off_a_terminal_the_log_is_json_and_the_summary_plain_text():
    ended = run("scan", app=FakeApp(PARTIAL))

    lines = ended.stderr.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert [event["event"] for event in events] == ["target_ended", "target_ended", "scan_ended"]
    assert "\x1b" not in ended.stderr
    assert "  denied      444455556666/us-east-1: the role reader cannot be assumed" in lines


def test_who_asks_for_json_gets_nothing_else_on_stderr():
    ended = run("scan", "--log-format", "json", app=FakeApp(PARTIAL))

    assert all(json.loads(line)["event"] for line in ended.stderr.splitlines())


def test_the_summary_file_holds_the_row_the_counts_and_the_exit_code(tmp_path):
    nodes, scope = {NodeStatus.VERIFIED: 2}, Scope("current", "current")
    ending = finished(list(PARTIAL.outcomes), nodes, scope=scope, missing={"Critical": 3})

    run("scan", "--summary", "out.json", app=FakeApp(ending))

    written = json.loads((tmp_path / "out.json").read_text())
    assert written["status"] == "partial"
    assert written["exit_code"] == 3
    assert written["nodes"]["verified"] == 2
    assert written["targets"] == {"scanned": 1, "denied": 1, "disabled": 0, "failed": 0, "unfinished": 0}
    assert written["missing"] == {"Critical": 3}
    assert written["started_at"] == "2026-11-22T21:06:11.000Z"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_summary_file_that_cannot_be_written_is_told_before_the_scan(tmp_path):
    app = FakeApp()
    ended = run("scan", "--summary", str(tmp_path / "nowhere" / "out.json"), app=app)

    assert ended.code == 2
    assert "the folder" in ended.stderr
    assert "nowhere" in ended.stderr
    assert app.settings is None


def test_a_config_file_is_read(tmp_path):
    (tmp_path / "a.toml").write_text('mode = "delta"\n[store]\nlocation = "elsewhere"')
    app = FakeApp()

    run("scan", "--config", "a.toml", "--store", "here", app=app)

    assert app.settings == load(None, {}, {"mode": "delta", "store.location": "here"})


def stored(scan_id):
    ending = finished([outcome(TARGETS[0], nodes=1)], {NodeStatus.VERIFIED: 1})
    return FakeApp(structs.replace(ending, scan=structs.replace(ending.scan, scan_id=scan_id)))


@pytest.mark.slow
def test_the_summary_counts_what_each_group_lacks(store, tmp_path):
    summary = tmp_path / "summary.json"
    argv = ("--by", "region", "--summary", str(summary), "--store", store, "--log-format", "console")

    ended = run("scan", *argv, app=stored(NEW))

    assert ended.code == 0
    assert "\nBy Region\n" in ended.stderr
    assert ["eu-west-1", "1", "0", "1", "0", "2", "2", "0"] in [line.split() for line in ended.stderr.splitlines()]
    groups = json.loads(summary.read_text())["groups"]
    assert (groups["name"], [row["value"] for row in groups["rows"]]) == ("Region", ["eu-west-1"])


def test_groups_that_do_not_exist_are_refused_before_the_scan():
    app = FakeApp()

    ended = run("scan", "--by", "team", app=app)

    assert ended.code == 2
    assert "use one of tag:KEY, ou, account" in ended.stderr
    assert app.settings is None


@pytest.mark.slow
def test_a_store_that_fails_after_the_scan_costs_the_groups_and_no_more(store):
    argv = ("--by", "tag:Team", "--store", store, "--log-format", "console")
    for segment in Path(store).glob(f"scans/{NEW}/segments/*"):
        segment.unlink()

    ended = run("scan", *argv, app=stored(NEW))

    assert ended.code == 0
    assert "not counted by tag Team: " in " ".join(ended.stderr.split())


@pytest.mark.parametrize("trouble", [ConfigError("the query needs more memory"), KeyboardInterrupt()], ids=repr)
def test_whatever_ends_the_counting_of_groups_the_scan_ends_as_it_did(trouble):
    class App(FakeApp):
        def open_store(self, settings):
            raise trouble

    ended = run("scan", "--by", "region", "--log-format", "console", app=App())

    assert ended.code == 0
    assert "not counted by Region: " in " ".join(ended.stderr.split())
