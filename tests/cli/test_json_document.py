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
