from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.machines import SourceCheck
from scanner.core.model import Scope, Target, TargetStatus
from scanner.reports.diagnosis import Diagnosis, PlaceCheck, TargetCheck
from tests.cli.fake_app import FakeApp
from tests.cli.running import run

CALLER = "arn:aws:iam::111122223333:user/ops"


def check(region, status=TargetStatus.SCANNED, reason=None, *, has_nodes=True):
    return TargetCheck(Target("111122223333", region), status, reason, has_nodes)


def doctor(*targets, store=None, sinks=(), takes_large_pages=None, argv=()):
    app = FakeApp()
    app.diagnosis = Diagnosis(
        CALLER,
        "eu-west-1",
        Scope("organization", "enabled"),
        store or PlaceCheck("./data"),
        sinks,
        targets,
        takes_large_pages,
    )
    return run("doctor", *argv, app=app), app


def test_what_works_is_told_in_a_line_each():
    ended, app = doctor(
        check("eu-west-1"),
        check("us-east-1"),
        sinks=(PlaceCheck("csv:out"),),
        argv=("--demo", "--regions", "enabled", "--sink", "csv:out"),
    )

    assert ended.code == 0
    assert ended.stdout.splitlines() == [
        f"caller      {CALLER}, Region eu-west-1",
        "store       ./data: OK",
        "sink        csv:out: OK",
        "targets     2 of 2 can be read",
    ]
    assert app.demo is True
    assert app.settings.sinks == ("csv:out",)


def test_what_does_not_work_is_named_with_its_reason():
    ended, _ = doctor(
        check("eu-west-1"),
        check("us-east-1", TargetStatus.DENIED, "no role\x1b[2J"),
        check("af-south-1", TargetStatus.DISABLED, "not enabled"),
        sinks=(PlaceCheck("csv:out", "it is a file"),),
    )

    assert ended.code == 3
    assert ended.stdout.splitlines()[2:] == [
        "sink        csv:out: it is a file",
        "targets     1 of 3 can be read, 1 denied, 1 disabled",
        "  denied      111122223333/us-east-1: no role\\x1b[2J",
    ]


def test_a_store_that_cannot_be_written_fails():
    ended, _ = doctor(check("eu-west-1"), store=PlaceCheck("./data", "the disk is full", stops_scan=True))

    assert ended.code == 1
    assert "store       ./data: the disk is full" in ended.stdout


def test_of_many_gaps_the_first_are_shown_and_the_others_counted():
    ended, _ = doctor(check("eu-west-1"), *(check(f"r-{n}", TargetStatus.FAILED, f"why {n}") for n in range(42)))

    assert ended.stdout.count("  failed ") == 40
    assert "  … and 2 targets more\n" in ended.stdout


def test_targets_without_nodes_are_told_since_reading_them_could_not_be_tried():
    ended, _ = doctor(check("eu-west-1"), check("us-east-1", has_nodes=False))

    assert "  no nodes    1 target: only the listing could be checked\n" in ended.stdout


def test_what_a_refused_permission_would_add_is_advice_and_no_gap():
    sentence = (
        "ec2:DescribeInstances in account 111122223333, Region eu-west-1, failed: UnauthorizedOperation (You are not "
        "authorized)"
    )
    refused = (SourceCheck("ec2:DescribeInstances", sentence), SourceCheck("ssm:GetInventory", "it is busy"))
    ended, _ = doctor(*(structs.replace(check(region), refused=refused) for region in ("eu-west-1", "us-east-1")))

    assert ended.code == 0
    text = " ".join(ended.stdout.split())
    assert (
        "not asked ec2:DescribeInstances is denied in 1 account; allow it to see unmanaged and stopped machines, and "
        "the tags of EC2 nodes"
    ) in text
    assert "not asked it is busy in 1 account; allow it to see stopped hybrid nodes" in text


@pytest.mark.parametrize(
    ("takes_large_pages", "advice"), [(True, "set patches.page_size = 100"), (False, "leave patches.page_size at 50")]
)
def test_the_page_size_that_aws_takes_is_told(takes_large_pages, advice):
    ended, _ = doctor(check("eu-west-1"), takes_large_pages=takes_large_pages)

    assert advice in ended.stdout
    assert ended.code == 0
