"""A listing of a source that breaks off midway is evidence for what it showed, and its end is named."""

from __future__ import annotations

import json

import pytest

from scanner.aws.machine_sources import TargetSources
from scanner.aws.machines.associations import DOCUMENT
from scanner.core.errors import Denied, RequestRejected, Unavailable
from scanner.core.instances import Instance
from scanner.core.machines import NotAsked
from scanner.core.model import Target
from scanner.core.settings import CoverageSettings
from tests.aws.machines.test_instance_listing import page, reservation

WHERE = "in account 111111111111, Region eu-west-1,"
ARN = "arn:aws:ssm:eu-west-1:111111111111:managed-instance/"
ITEM = {"Status": "COMPLIANT", "Details": {"DocumentName": DOCUMENT, "DetailedText": json.dumps({"MissingCount": "2"})}}


class Cut:
    """Answers the first request of each operation, refuses those with a token, and answers what has no pages."""

    target = Target("111111111111", "eu-west-1")

    def __init__(self, error, **first):
        self.error, self.first = error, first

    async def ask(self, operation, payload, decode):
        if payload.keys() & {"NextToken", "PaginationToken"}:
            raise type(self.error)(f"{operation} {WHERE} failed: {self.error}")
        answer = self.first[operation.name]
        return decode(answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def sources_of(requests, **coverage):
    async def itself():
        return requests

    return TargetSources(requests, itself, itself, CoverageSettings(**coverage), max_restarts=1)


async def instances(sources):
    return {key: each.state for key, each in (await sources.instances()).items()}


async def stopped(sources):
    return [node.instance_id for node in await sources.stopped_nodes({"mi-1"})]


async def tags(sources):
    return dict(await sources.hybrid_tags())


async def association(sources):
    return (await sources.association_scan("i-1")).state.missing_count


async def baselines(sources):
    return [each.baseline_id for each in await sources.baselines({"pb-1", "pb-2"})]


FIRST = {
    "DescribeInstances": page(reservation(("i-a", "running")), token="t"),
    "GetInventory": {"Entities": [{"Id": "mi-1"}], "NextToken": "t"},
    "GetResources": {
        "ResourceTagMappingList": [{"ResourceARN": f"{ARN}mi-1", "Tags": [{"Key": "Team", "Value": "x"}]}],
        "PaginationToken": "t",
    },
    "ListAssociations": {"Associations": [{"Name": DOCUMENT}], "NextToken": "t"},
    "ListComplianceItems": {"ComplianceItems": [ITEM], "NextToken": "t"},
    "DescribePatchBaselines": {"BaselineIdentities": [{"BaselineId": "pb-1"}], "NextToken": "t"},
    "GetPatchBaseline": {"BaselineId": "pb-1"},
}
SOURCES = [
    (instances, "ec2", "ec2:DescribeInstances", {"i-a": "running"}),
    (stopped, "inventory", "ssm:GetInventory", ["mi-1"]),
    (tags, "tags", "tag:GetResources", {"mi-1": (("Team", "x"),)}),
    (association, "associations", "ssm:ListComplianceItems", 2),
    (baselines, "baselines", "ssm:DescribePatchBaselines", ["pb-1"]),
]


@pytest.mark.parametrize(("ask", "source", "action", "first"), SOURCES, ids=[each[1] for each in SOURCES])
@pytest.mark.parametrize(
    "error", [Denied("AccessDenied (no)"), Unavailable("torn"), RequestRejected("ValidationError")]
)
async def test_what_a_listing_brought_before_it_broke_off_is_used_and_its_end_named(ask, source, action, first, error):
    sources = sources_of(Cut(error, **FIRST))
    assert await ask(sources) == first
    assert sources.unread() == [NotAsked(f"{action} {WHERE} failed midway: {error}")]


@pytest.mark.parametrize(("ask", "source", "action", "first"), SOURCES, ids=[each[1] for each in SOURCES])
async def test_the_end_of_a_required_source_is_a_gap(ask, source, action, first):
    sources = sources_of(Cut(Denied("AccessDenied"), **FIRST), **{source: "required"})
    assert await ask(sources) == first
    (unread,) = sources.unread()
    assert isinstance(unread.gap, Denied)


async def test_a_listing_without_a_row_before_it_broke_off_was_not_asked():
    empty = {**FIRST, "DescribeInstances": page(token="t"), "GetInventory": {"Entities": [], "NextToken": "t"}}
    sources = sources_of(Cut(Denied("AccessDenied"), **empty))
    assert await sources.instances() == NotAsked(f"ec2:DescribeInstances {WHERE} failed: AccessDenied")
    assert await sources.stopped_nodes(()) == NotAsked(f"ssm:GetInventory {WHERE} failed: AccessDenied")
    assert sources.unread() == []


async def test_a_second_look_that_broke_off_takes_nothing_back_that_an_earlier_one_showed():
    known = {"i-a": Instance("i-a", "pending"), "i-b": Instance("i-b", "running")}
    found = await sources_of(Cut(Unavailable("torn"), **FIRST)).instances(known)
    assert {key: each.state for key, each in found.items()} == {"i-a": "running", "i-b": "running"}


async def test_a_second_look_that_came_to_its_end_takes_back_what_is_not_there_any_more():
    whole = {"DescribeInstances": page(reservation(("i-a", "running")))}
    found = await sources_of(Cut(Unavailable("torn"), **whole)).instances({"i-b": Instance("i-b", "running")})
    assert list(found) == ["i-a"]
