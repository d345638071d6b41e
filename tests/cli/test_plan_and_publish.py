from __future__ import annotations

import pytest

from scanner.core.model import Scope, Target, TargetStatus
from scanner.core.settings import LimitSettings
from scanner.reports.plan import Plan, PlannedTarget
from tests.cli.fake_app import FakeApp
from tests.cli.running import run

SCAN_ID = "20261123T210611Z-a1b2c3"


def planned(region, status=TargetStatus.SCANNED, nodes=0, minutes=0.0, reason=None, most_calls=None):
    target = Target("111122223333", region)
    return PlannedTarget(
        target,
        status,
        reason,
        nodes=nodes,
        rows=nodes * 100,
        calls=nodes * 2,
        minutes=minutes,
        most_calls=nodes * 2 if most_calls is None else most_calls,
        most_minutes=minutes,
    )


def plan(*targets, regions="enabled"):
    app = FakeApp()
    app.plan = Plan(targets, LimitSettings(), Scope("current", regions))
    return run("plan", "--demo", "--role-name", "reader", app=app), app


def test_a_plan_shows_the_totals_and_the_slowest_targets_first():
    ended, app = plan(planned("eu-west-1", nodes=10, minutes=0.5), planned("us-east-1", nodes=1000, minutes=12))

    lines = ended.stdout.splitlines()
    assert ended.code == 0
    assert " ".join(lines[: lines.index("")]) == (
        "A scan would read 1,010 nodes of 2 targets: about 101,000 patch rows in 2,020 calls. It would take about "
        "12 min 0 s if AWS permits 10 calls a second for each target. "
        "It begins at that rate and finds what AWS permits, between 0.5 and 20 calls a second for each operation; "
        "--rate and --max-rate change that."
    )
    assert [line.split() for line in lines[lines.index("") + 1 :]] == [
        ["account", "Region", "nodes", "patch", "rows", "calls", "time"],
        ["111122223333", "us-east-1", "1,000", "100,000", "2,000", "12", "min", "0", "s"],
        ["111122223333", "eu-west-1", "10", "1,000", "20", "30", "s"],
    ]
    assert app.demo is True
    assert app.settings.scope.role_name == "reader"


def test_a_plan_names_what_a_scan_could_not_read_and_why():
    ended, _ = plan(planned("eu-west-1"), planned("us-east-1", TargetStatus.DENIED, reason="no role\x1b[2J"))

    assert ended.code == 3
    assert "  denied      111122223333/us-east-1: no role\\x1b[2J\n" in ended.stdout


def test_a_plan_of_which_nothing_can_be_read_failed():
    assert plan(planned("us-east-1", TargetStatus.DENIED))[0].code == 1
    assert plan()[0].code == 1


@pytest.mark.parametrize(("regions", "code"), [("enabled", 0), ("eu-west-1,us-east-1", 3), ("current", 3)])
def test_a_disabled_region_is_a_gap_of_a_plan_where_it_is_one_of_the_scan(regions, code):
    ended, _ = plan(planned("eu-west-1"), planned("us-east-1", TargetStatus.DISABLED), regions=regions)
    assert ended.code == code


def test_a_long_plan_ends_with_how_much_more_there_is():
    ended, _ = plan(*(planned(f"eu-west-{n}") for n in range(100)))

    assert ended.stdout.splitlines()[-1] == "… and 60 targets more"


@pytest.mark.parametrize(("words", "asked"), [([], None), (["latest"], None), ([SCAN_ID], SCAN_ID)])
def test_publish_sends_the_scan_that_was_named_or_the_newest(words, asked):
    app = FakeApp()
    ended = run("publish", *words, "--sink", "jsonl:-", app=app)

    assert ended.code == 0
    assert app.published == asked
    assert app.settings.sinks == ("jsonl:-",)
    assert "1,234 patch rows" in ended.stderr
    assert ended.stdout == ""


def test_publish_to_a_sink_that_fails_is_partial_and_names_it():
    app = FakeApp()
    app.publish_failures = {"csv:out": "the disk is full"}

    ended = run("publish", "--sink", "csv:out", app=app)

    assert ended.code == 3
    assert "csv:out: the disk is full" in ended.stderr


def test_publish_without_a_sink_is_wrong_usage():
    ended = run("publish", app=FakeApp())

    assert ended.code == 2
    assert "--sink" in ended.stderr


def test_the_installed_sinks_are_listed_with_their_origin():
    ended = run("sinks")

    assert ended.code == 0
    assert [line.split()[:2] for line in ended.stdout.splitlines()[1:]].count(["jsonl", "patchsweep"]) == 1


def test_a_plan_says_between_what_the_calls_lie_as_long_as_that_is_not_measured():
    ended, _ = plan(planned("eu-west-1", nodes=10, minutes=0.5, most_calls=470))

    text = " ".join(ended.stdout.split())
    assert "about 1,000 patch rows in 20 to 470 calls." in text
    assert "The smaller figures hold if AWS filters patches before it cuts a listing into pages" in text
