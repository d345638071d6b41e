"""`--format json`: one versioned object from each command that prints a table."""

from __future__ import annotations

import json

import pytest

from scanner.core.model import TargetStatus
from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import CVE, NEW, OLD, UNFINISHED
from tests.cli.test_exit_codes import plan
from tests.reports.diagnoses import diagnosis

pytestmark = pytest.mark.slow


def document(*argv, app=None):
    ended = run(*argv, "--format", "json", app=app or FakeApp())
    assert ended.stderr == ""
    return ended.code, json.loads(ended.stdout)


def test_the_scans_of_a_store(store):
    code, shown = document("scans", "list", "--store", store)

    assert (code, shown["schema_version"], shown["store"]) == (0, 1, store)
    assert [(scan["scan_id"], scan["status"]) for scan in shown["scans"]] == [
        (OLD, "complete"),
        (NEW, "complete"),
        (UNFINISHED, "unfinished"),
    ]
    assert shown["scans"][1]["row"]["nodes"]["verified"] == 1
    assert document("scans", "--store", store)[1] == shown


def test_a_plan():
    app = FakeApp()
    app.plan = plan(TargetStatus.SCANNED, TargetStatus.DENIED)

    code, shown = document("plan", app=app)

    assert (code, shown["exit_code"], shown["calls"]) == (3, 3, 2)
    assert [target["status"] for target in shown["plan"]["targets"]] == ["scanned", "denied"]


def test_a_diagnosis():
    app = FakeApp()
    app.diagnosis = diagnosis(TargetStatus.SCANNED, TargetStatus.FAILED)

    code, shown = document("doctor", app=app)

    assert (code, shown["exit_code"]) == (3, 3)
    assert shown["diagnosis"]["store"] == {"place": "place", "failure": None, "stops_scan": False}


def test_the_installed_sinks():
    code, shown = document("sinks")

    assert code == 0
    assert "jsonl" in [sink["name"] for sink in shown["sinks"]]


@pytest.mark.parametrize("command", ["plan", "doctor", "sinks", "scans"])
def test_no_other_form_is_accepted(command):
    assert run(command, "--format", "xml", app=FakeApp()).code == 2


def test_the_rows_of_a_query(store):
    code, shown = document("query", "SELECT state FROM patches ORDER BY 1", "--store", store)

    assert (code, shown["schema_version"], shown["scan_ids"]) == (0, 1, [NEW])
    assert shown["rows"] == [{"state": "INSTALLED"}, {"state": "MISSING"}, {"state": "MISSING"}]
    assert document("query", "FROM patches WHERE false", "--store", store)[1]["rows"] == []


def test_the_machines_that_lack_a_fix(store):
    ended = run("cve", CVE, "--format", "json", "-q", "--store", store, app=FakeApp())

    shown = json.loads(ended.stdout)
    assert (shown["cve_id"], shown["scan_id"], shown["exit_code"]) == (CVE, NEW, ended.code)
    assert shown["coverage"]["lacking"] == len({row["instance_id"] for row in shown["rows"]}) == 1
    assert ended.stderr == ""


def test_what_changed_between_two_scans(store):
    ended = run("diff", "--format", "json", "-q", "--store", store, app=FakeApp())

    shown = json.loads(ended.stdout)
    assert (shown["before"], shown["after"], shown["exit_code"]) == (OLD, NEW, ended.code)
    assert shown["changes"] == {"missing": len(shown["rows"])}


def test_an_answer_that_fails_before_its_first_row_leaves_stdout_empty(store):
    ended = run("query", "SELECT error('no')", "--format", "json", "--store", store, app=FakeApp())

    assert (ended.code, ended.stdout) == (2, "")


def test_one_object_a_line_has_the_rows_alone(store):
    ended = run("query", "SELECT state FROM patches ORDER BY 1 LIMIT 2", "--format", "jsonl", "--store", store)

    assert [json.loads(line) for line in ended.stdout.splitlines()] == [{"state": "INSTALLED"}, {"state": "MISSING"}]


SCAN_ID = "20261123T210611Z-a1b2c3"


@pytest.mark.parametrize("command", [("scan",), ("finish", SCAN_ID)])
def test_the_summary_of_a_scan_is_one_object_on_stdout_instead_of_text_on_stderr(command, tmp_path):
    summary = tmp_path / "summary.json"

    code, shown = document(*command, "--log-level", "error", "--summary", str(summary))

    assert (code, shown["schema_version"], shown["scan_id"], shown["exit_code"]) == (0, 1, SCAN_ID, 0)
    assert shown == json.loads(summary.read_text())
    # Without `--quiet` the logs stay on stderr, and the text of the summary does not appear.
    assert "machines:" not in run(*command, "--format", "json", app=FakeApp()).stderr


@pytest.mark.parametrize("command", [("scan",), ("finish", SCAN_ID), ("publish",)])
def test_an_object_and_the_rows_of_a_sink_are_not_mixed_on_stdout(command):
    app = FakeApp()

    ended = run(*command, "--format", "json", "--sink", "jsonl:-", app=app)

    assert (ended.code, ended.stdout, app.settings) == (2, "", None)
    assert ended.stderr == (
        "patchsweep: --format json: a sink writes to stdout, too; give that sink a file or folder instead of -\n"
    )


def test_a_scan_that_workers_read():
    code, begun = document("begin", "-q")
    assert (code, begun["schema_version"], begun["scan_id"], begun["targets"]) == (0, 1, SCAN_ID, 2)
    assert begun["notes"] == ["one account is suspended"]

    code, worked = document("work", SCAN_ID, "--slice", "1/2", "-q")
    assert (code, worked["schema_version"], worked["slice"], worked["targets"]) == (0, 1, "1/2", 2)


def test_what_became_of_each_sink_without_its_secrets():
    app = FakeApp()
    app.publish_failures = {"postgresql://me:***@db/x": "the database is down"}

    ended = run("publish", "--sink", "csv:out", "--sink", "postgresql://me:hush@db/x", "--format", "json", app=app)

    shown = json.loads(ended.stdout)
    assert (ended.code, shown["schema_version"], shown["exit_code"], shown["patch_rows"]) == (3, 1, 3, 1_234)
    assert [(sink["is_sent"], sink["reason"]) for sink in shown["sinks"]] == [
        (True, None),
        (False, "the database is down"),
    ]
    assert "hush" not in ended.stdout


def test_settings_that_are_right_and_ones_that_are_not(monkeypatch):
    assert document("config", "validate")[1] == {"schema_version": 1, "is_valid": True, "problems": [], "exit_code": 0}
    monkeypatch.setenv("PATCHSWEEP_MODE", "foo")
    monkeypatch.setenv("PATCHSWEEP_RATE", "fast")

    code, shown = document("config", "validate")

    assert (code, shown["is_valid"], shown["exit_code"], len(shown["problems"])) == (2, False, 2, 2)
    assert shown["problems"][0].startswith("PATCHSWEEP_MODE (mode): expected one of")
