"""DescribeInstanceInformation as the SDK sees it."""

from __future__ import annotations

import pytest

from scanner.simulator.demo import demo_world
from scanner.simulator.generate.build import make_world
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from tests.simulator.clients import client, refused

WORLD = make_world(accounts=1, regions=1, nodes=70, rows=10)
NODES = next(iter(WORLD.accounts.values())).regions["eu-west-1"].nodes


async def _pages(simulator, **request):
    async with client(simulator, "ssm") as ssm:
        listing = ssm.get_paginator("describe_instance_information").paginate(**request)
        return [page["InstanceInformationList"] async for page in listing]


def _ids(pages):
    return [row["InstanceId"] for page in pages for row in page]


async def test_every_node_is_listed_once_ten_at_a_time_unless_asked_otherwise():
    async with serve(WORLD) as simulator:
        by_ten = await _pages(simulator)
        by_fifty = await _pages(simulator, MaxResults=50)
    assert [len(page) for page in by_ten] == [10] * 7
    assert [len(page) for page in by_fifty] == [50, 20]
    assert _ids(by_ten) == _ids(by_fifty) == [node.instance_id for node in NODES]


@pytest.mark.parametrize(("size", "bound"), [(51, "less than or equal to 50"), (4, "greater than or equal to 5")])
async def test_page_sizes_out_of_bounds_are_refused(size, bound):
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        code, message, _ = await refused(ssm.describe_instance_information(MaxResults=size))
    assert code == "ValidationException"
    assert message == (
        f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )


async def test_a_filter_thins_pages_out_after_they_are_cut_so_that_some_are_empty():
    wanted = NODES[42].computer_name
    async with serve(WORLD) as simulator:
        pages = await _pages(simulator, Filters=[{"Key": "InstanceIds", "Values": [NODES[42].instance_id]}])
    assert [len(page) for page in pages] == [0, 0, 0, 0, 1, 0, 0]
    assert pages[4][0]["ComputerName"] == wanted


@pytest.mark.parametrize("key", ["PlatformTypes", "PlatformType"])
async def test_nodes_are_filtered_by_platform(key):
    async with serve(WORLD) as simulator:
        every = await _pages(simulator)
        windows = await _pages(simulator, Filters=[{"Key": key, "Values": ["Windows"]}])
    expected = [row["InstanceId"] for page in every for row in page if row["PlatformType"] == "Windows"]
    assert 0 < len(expected) < len(NODES)
    assert _ids(windows) == expected


async def test_nodes_are_filtered_by_tag_and_by_tag_key():
    async with serve(WORLD) as simulator:
        prod = await _pages(simulator, Filters=[{"Key": "tag:Environment", "Values": ["prod"]}])
        tagged = await _pages(simulator, Filters=[{"Key": "tag-key", "Values": ["Environment"]}])
        none = await _pages(simulator, Filters=[{"Key": "tag-key", "Values": ["Owner"]}])
    assert _ids(prod) == [node.instance_id for node in NODES if dict(node.tags)["Environment"] == "prod"]
    assert len(_ids(tagged)) == 70
    assert _ids(none) == []


async def test_the_older_form_of_filters_works_too():
    async with serve(WORLD) as simulator:
        old = await _pages(simulator, InstanceInformationFilterList=[{"key": "PlatformTypes", "valueSet": ["Linux"]}])
        new = await _pages(simulator, Filters=[{"Key": "PlatformTypes", "Values": ["Linux"]}])
    assert _ids(old) == _ids(new) != []


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ([("Nonsense", ["x"])], "InvalidFilterKey"),
        ([("ResourceType", ["EC2Instance", "ManagedInstance"])], "InvalidInstanceInformationFilterValue"),
        ([("tag:Environment", ["prod"]), ("PingStatus", ["Online"])], "InvalidInstanceInformationFilterValue"),
        ([("InstanceIds", ["i-0123456789abcdef0"])], "InvalidInstanceId"),
    ],
)
async def test_filters_that_cannot_be_are_refused(filters, code):
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        chosen = [{"Key": key, "Values": values} for key, values in filters]
        assert (await refused(ssm.describe_instance_information(Filters=chosen)))[0] == code


async def test_hybrid_and_lost_nodes_are_among_the_nodes():
    async with serve(demo_world()) as simulator:
        account = next(a for a in simulator.world.accounts.values() if a.name == "meridian-shared-services")
        async with client(simulator, "ssm", account_id=account.account_id) as ssm:
            rows = (await ssm.describe_instance_information(MaxResults=50))["InstanceInformationList"]
    hybrid = [row for row in rows if row["InstanceId"].startswith("mi-")]
    assert {row["ResourceType"] for row in hybrid} == {"ManagedInstance"}
    assert len(hybrid) == 8
    assert sum(row["PingStatus"] == "ConnectionLost" for row in rows) == 2


async def test_a_node_can_be_listed_twice_and_is_one_node_in_truth():
    async with serve(WORLD, faults=Faults(listed_twice=0.2)) as simulator:
        ids = _ids(await _pages(simulator, MaxResults=50))
        truth = simulator.truth()
    assert 70 < len(ids) < 140
    assert len(set(ids)) == len(truth.nodes) == 70
