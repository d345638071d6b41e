"""`--format json`: one versioned object from each command that prints a table."""

from __future__ import annotations

import json

import pytest

from scanner.core.model import TargetStatus
from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import NEW, OLD, UNFINISHED
from tests.cli.test_exit_codes import plan
from tests.reports.diagnoses import diagnosis


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
