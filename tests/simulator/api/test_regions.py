"""Regions as EC2 and Account Management tell them, and Regions that cannot be used."""

from __future__ import annotations

from msgspec import structs

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.organization import Region, RegionStatus
from tests.simulator.clients import client, refused

WORLD = make_world(accounts=1, regions=3, nodes=3, rows=10)
(HUB,) = WORLD.accounts


def _with(region, status):
    account = WORLD.accounts[HUB]
    regions = {**account.regions, region: Region(region, account.regions.get(region, Region(region)).nodes, status)}
    return structs.replace(WORLD, accounts={HUB: structs.replace(account, regions=regions)})


async def _names(simulator, **request):
    async with client(simulator, "ec2") as ec2:
        answer = await ec2.describe_regions(**request)
    return {row["RegionName"]: row["OptInStatus"] for row in answer["Regions"]}


async def test_only_enabled_regions_are_told_unless_all_are_asked_for():
    async with serve(_with("eu-south-1", RegionStatus.NOT_ENABLED)) as simulator:
        enabled, known = await _names(simulator), await _names(simulator, AllRegions=True)
        async with client(simulator, "account") as account:
            rows = (await account.list_regions())["Regions"]
    assert enabled == dict.fromkeys(("eu-west-1", "us-east-1", "eu-central-1"), "opt-in-not-required")
    assert known == {**enabled, "eu-south-1": "not-opted-in"}
    assert {row["RegionName"]: row["RegionOptStatus"] for row in rows}["eu-south-1"] == "DISABLED"


async def test_regions_can_be_asked_for_by_name():
    async with serve(WORLD) as simulator, client(simulator, "ec2") as ec2:
        answer = await ec2.describe_regions(RegionNames=["us-east-1"])
        assert [row["RegionName"] for row in answer["Regions"]] == ["us-east-1"]
        assert (await refused(ec2.describe_regions(RegionNames=["mars-1"])))[0] == "InvalidParameterValue"


async def test_a_region_that_is_not_enabled_does_not_know_the_caller():
    async with serve(_with("us-east-1", RegionStatus.NOT_ENABLED)) as simulator:
        async with client(simulator, "ssm", region="us-east-1") as ssm:
            assert (await refused(ssm.describe_instance_information()))[::2] == ("UnrecognizedClientException", 400)
        async with client(simulator, "ec2", region="us-east-1") as ec2:
            assert (await refused(ec2.describe_regions()))[::2] == ("AuthFailure", 401)


async def test_a_service_control_policy_is_named_in_the_refusal():
    async with serve(_with("us-east-1", RegionStatus.SCP_DENIED)) as simulator:
        async with client(simulator, "ssm", region="us-east-1") as ssm:
            code, message, status = await refused(ssm.describe_instance_information())
        assert "us-east-1" in await _names(simulator)
    assert (code, status) == ("AccessDeniedException", 400)
    assert message.endswith("with an explicit deny in a service control policy")


async def test_a_region_can_be_disabled_in_mid_run():
    async with serve(WORLD) as simulator, client(simulator, "ssm", region="us-east-1") as ssm:
        await ssm.describe_instance_information()
        simulator.disable_region(HUB, "us-east-1")
        assert (await refused(ssm.describe_instance_information()))[0] == "UnrecognizedClientException"
        assert simulator.truth(regions=["us-east-1"]).targets[HUB, "us-east-1"].status == "disabled"


async def test_chance_disables_a_region_after_some_requests():
    faults = Faults(region_disabled_midway=1.0, midway_after=3)
    async with serve(WORLD, faults=faults) as simulator, client(simulator, "ssm") as ssm:
        for _ in range(3):
            await ssm.describe_instance_information()
        assert (await refused(ssm.describe_instance_information()))[0] == "UnrecognizedClientException"
