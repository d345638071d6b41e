"""A target is tried with every call of a scan, and with no more of them than that takes."""

from __future__ import annotations

import pytest

from scanner.app.doctor import check_target
from scanner.core.errors import Denied, Disabled, NodeGone, RequestRejected, Unavailable
from scanner.core.machines import SourceCheck
from scanner.core.model import Target, TargetStatus
from tests.fake_fleet import FakeFleet, FakeNode, FakeSources, FakeTarget, pages, patch, state_of

TARGET = Target("111122223333", "eu-west-1")


def node(*answers):
    return FakeNode([list(answers) or pages([patch("KB1")], [patch("KB2")])], [state_of("i-1", [])])


async def tried(fake):
    return await check_target(FakeFleet({TARGET: fake}), TARGET)


async def test_a_target_in_order_is_asked_for_one_page_of_each():
    first, second = node(), node()
    fake = FakeTarget({"i-1": first, "i-2": second}, page_of=1)

    found = await tried(fake)

    assert (found.status, found.reason, found.has_nodes) == (TargetStatus.SCANNED, None, True)
    assert fake.state_calls == [["i-1"]]
    assert (first.reads, second.reads) == (1, 0)


async def test_a_target_without_nodes_can_be_read_as_far_as_anyone_can_tell():
    found = await tried(FakeTarget({}))

    assert (found.status, found.has_nodes) == (TargetStatus.SCANNED, False)


@pytest.mark.parametrize(
    ("fake", "status"),
    [
        (FakeTarget({}, open_error=Denied("no role")), TargetStatus.DENIED),
        (FakeTarget({}, nodes_error=Disabled("not enabled")), TargetStatus.DISABLED),
        (FakeTarget({"i-1": node()}, states_error=Denied("no states")), TargetStatus.DENIED),
        (FakeTarget({"i-1": node(Unavailable("no answer"))}), TargetStatus.FAILED),
    ],
    ids=["no role", "Region off", "states denied", "patches fail"],
)
async def test_whichever_call_does_not_work_says_why(fake, status):
    found = await tried(fake)

    assert found.status is status
    assert found.reason


@pytest.mark.parametrize(
    ("check", "status"),
    [
        (SourceCheck("ec2:DescribeInstances", "denied"), TargetStatus.SCANNED),
        (SourceCheck("ec2:DescribeInstances", "denied", is_required=True), TargetStatus.DENIED),
        (SourceCheck("ec2:DescribeInstances", "reset", is_required=True, is_denied=False), TargetStatus.FAILED),
    ],
    ids=["optional", "required", "required and unreachable"],
)
async def test_a_source_that_is_refused_is_a_gap_only_where_it_is_required(check, status):
    sources = FakeSources(checks=[check])

    found = await tried(FakeTarget({"i-1": node()}, sources=sources))

    assert (found.status, found.refused) == (status, (check,))
    assert sources.asked == ["refused i-1"]
    assert found.has_nodes


async def test_a_node_that_left_meanwhile_is_no_trouble():
    assert (await tried(FakeTarget({"i-1": node(NodeGone("gone"))}))).status is TargetStatus.SCANNED


async def test_a_request_that_aws_calls_wrong_is_not_the_targets_fault():
    with pytest.raises(RequestRejected):
        await tried(FakeTarget({"i-1": node(RequestRejected("maxResults"))}))
