"""The fleet over the wire: listings to their end, pages of patches, filters, and what each request carries."""

from __future__ import annotations

import msgspec
import pytest

from scanner.aws.gateway import open_aws
from scanner.config import LimitSettings, NodeSettings, PatchSettings, ScopeSettings, Settings
from scanner.errors import NodeGone, PaginationBroken, Unavailable
from scanner.model import Patch, Target
from tests.aws.fake_ssm import HUB, MEMBER, FakeAws, error, ok, serving

QUICK = LimitSettings(rate_per_s=1000.0, max_rate_per_s=1000.0, burst=1000.0)
AT_HUB = Target(HUB, "eu-west-1")
AT_MEMBER = Target(MEMBER, "us-east-2")


@pytest.fixture
async def aws(monkeypatch):
    fake = FakeAws()
    async with serving(fake) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield fake


async def collected(reader):
    return [node.instance_id for page in [page async for page in reader.nodes()] for node in page]


async def nodes_of(settings=Settings(limits=QUICK), target=AT_HUB):
    async with open_aws(settings) as aws, aws.fleet.open(target) as reader:
        return await collected(reader)


async def test_nodes_are_listed_past_an_empty_page(aws):
    aws.on(
        "DescribeInstanceInformation",
        ok(InstanceInformationList=[{"InstanceId": "i-1"}], NextToken="a"),
        ok(InstanceInformationList=[], NextToken="b"),
        ok(InstanceInformationList=[{"InstanceId": "i-2"}], NextToken=""),
    )
    assert await nodes_of() == ["i-1", "i-2"]
    sent = [call.members for call in aws.of("DescribeInstanceInformation")]
    assert sent == [{"MaxResults": 50}, {"MaxResults": 50, "NextToken": "a"}, {"MaxResults": 50, "NextToken": "b"}]
