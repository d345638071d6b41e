"""Everything that can go wrong on the way, and that the truth does not care."""

from __future__ import annotations

import aiohttp
import pytest
from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from scanner.simulator.generate.build import make_world
from scanner.simulator.running.buckets import Limits, Rate
from scanner.simulator.running.fault_picker import FaultPicker
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Broken, Faults, Passing
from tests.simulator.clients import CONFIG, client, refused
from tests.simulator.reader import patches_of_target

WORLD = make_world(accounts=1, regions=1, nodes=6, rows=130)
(ACCOUNT,) = WORLD.accounts
REGION = "eu-west-1"
NODE = WORLD.accounts[ACCOUNT].regions[REGION].nodes[0].instance_id


async def _first_page(simulator, config=CONFIG):
    async with client(simulator, "ssm", config=config) as ssm:
        return await ssm.describe_instance_patches(InstanceId=NODE)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("internal_error_500", ("InternalServerError", 500)),
        ("html_503", ("503", 503)),
        ("throttled", ("ThrottlingException", 400)),
    ],
)
async def test_a_request_can_be_refused_in_passing(fault, expected):
    async with serve(WORLD, faults=Faults(**{fault: 1.0})) as simulator, client(simulator, "ssm") as ssm:
        assert (await refused(ssm.describe_instance_patches(InstanceId=NODE)))[::2] == expected
    assert simulator.stats.faults == {fault: 1}


@pytest.mark.parametrize("fault", ["truncated_body", "empty_body", "missing_list"])
async def test_an_answer_can_come_without_its_list(fault):
    async with serve(WORLD, faults=Faults(**{fault: 1.0})) as simulator:
        answer = await _first_page(simulator)
    assert "Patches" not in answer
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


async def test_a_connection_can_be_reset():
    async with serve(WORLD, faults=Faults(reset=1.0)) as simulator:
        with pytest.raises(BotoConnectionError):
            await _first_page(simulator)


async def test_a_body_can_end_before_its_length():
    async with serve(WORLD, faults=Faults(cut_body=1.0)) as simulator:
        with pytest.raises(
            (ResponseStreamingError, HTTPClientError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)
        ):
            await _first_page(simulator)


@pytest.mark.parametrize("faults", [Faults(slow_body=1.0, slow_s=20), Faults(hanging=1.0, hang_s=20)])
async def test_an_answer_can_take_longer_than_anyone_waits(faults):
    impatient = CONFIG.merge(type(CONFIG)(read_timeout=0.2))
    async with serve(WORLD, faults=faults) as simulator:
        with pytest.raises((ReadTimeoutError, aiohttp.ServerTimeoutError, TimeoutError)):
            await _first_page(simulator, impatient)


async def test_a_slow_answer_is_whole_in_the_end():
    async with serve(WORLD, faults=Faults(slow_body=1.0, slow_s=0.05)) as simulator:
        assert len((await _first_page(simulator))["Patches"]) == 10


async def test_the_same_request_is_hit_only_so_often_in_a_row():
    faults = Faults(internal_error_500=1.0, max_consecutive=3)
    async with serve(WORLD, faults=faults) as simulator, client(simulator, "ssm") as ssm:
        for _ in range(2):
            for _ in range(3):
                assert (await refused(ssm.describe_instance_patches(InstanceId=NODE)))[0] == "InternalServerError"
            await ssm.describe_instance_patches(InstanceId=NODE)


async def test_passing_troubles_can_be_kept_to_some_operations():
    faults = Faults(internal_error_500=1.0, operations=("DescribeInstancePatchStates",))
    async with serve(WORLD, faults=faults) as simulator, client(simulator, "ssm") as ssm:
        await ssm.describe_instance_patches(InstanceId=NODE)
        call = ssm.describe_instance_patch_states(InstanceIds=[NODE])
        assert (await refused(call))[0] == "InternalServerError"


async def test_a_listing_can_repeat_its_token():
    async with serve(WORLD, faults=Faults(repeated_token=1.0)) as simulator, client(simulator, "ssm") as ssm:
        first = await ssm.describe_instance_patches(InstanceId=NODE)
        second = await ssm.describe_instance_patches(InstanceId=NODE, NextToken=first["NextToken"])
    assert second["NextToken"] == first["NextToken"]


async def test_a_listing_can_have_no_end():
    async with serve(WORLD, faults=Faults(endless_pagination=1.0)) as simulator, client(simulator, "ssm") as ssm:
        tokens, request = set(), {}
        for _ in range(40):
            answer = await ssm.describe_instance_patches(InstanceId=NODE, MaxResults=50, **request)
            request = {"NextToken": answer["NextToken"]}
            tokens.add(answer["NextToken"])
    assert len(tokens) == 40


async def test_a_listing_is_broken_only_so_often():
    faults = Faults(invalid_next_token=1.0, max_broken=2)
    async with serve(WORLD, faults=faults) as simulator, client(simulator, "ssm") as ssm:
        token = (await ssm.describe_instance_patches(InstanceId=NODE))["NextToken"]
        for _ in range(2):
            call = ssm.describe_instance_patches(InstanceId=NODE, NextToken=token)
            assert (await refused(call))[0] == "InvalidNextToken"
        await ssm.describe_instance_patches(InstanceId=NODE, NextToken=token)


ALL_AT_ONCE = {
    **{fault.value: 0.02 for fault in Passing if fault not in (Passing.HANGING, Passing.EARLY_EXPIRY)},
    **{fault.value: 0.02 for fault in Broken},
    "empty_page": 0.05,
    "varying_page_sizes": True,
    "patched_midway": 0.1,
    "slow_s": 0.01,
    "end_of_listing": "null",
}


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_reader_that_asks_again_gets_the_truth_with_every_fault_on(seed):
    world = make_world(accounts=1, regions=1, nodes=25, rows=130, seed=seed)
    async with serve(world, faults=Faults(seed=seed, **ALL_AT_ONCE)) as simulator:
        rows, _ = await patches_of_target(simulator, ACCOUNT, REGION)
        assert rows == sorted(simulator.truth().patches(), key=repr)
    assert len(simulator.stats.faults) > 6


async def test_the_same_run_meets_the_same_faults():
    met = []
    for _ in range(2):
        async with serve(WORLD, faults=Faults(**ALL_AT_ONCE)) as simulator:
            await patches_of_target(simulator, ACCOUNT, REGION)
        met.append(simulator.stats.faults)
    assert met[0] == met[1] != {}


def test_chance_hits_about_as_often_as_it_is_told():
    fault_picker = FaultPicker(Faults(reset=0.02, html_503=0.02))
    hits = [fault_picker.passing(f"request-{n}", "Any") for n in range(20_000)]
    assert 600 < sum(hit is not None for hit in hits) < 1000
    assert {Passing.RESET, Passing.HTML_503} <= set(hits)


def test_dice_forget_requests_that_are_through():
    fault_picker = FaultPicker(Faults(reset=1.0, max_consecutive=1))
    for n in range(100):
        assert fault_picker.passing(f"request-{n}", "Any") is Passing.RESET
        assert fault_picker.passing(f"request-{n}", "Any") is None
    assert not fault_picker._hits


async def test_lasting_faults_strike_about_as_many_as_they_are_told():
    world = make_world(accounts=20, regions=5, nodes=2000, rows=5)
    faults = Faults(gone=0.1, denied=0.1, role_missing=0.3, scp_denied=0.2, not_enabled=0.2)
    async with serve(world, faults=faults) as simulator:
        truth = simulator.truth()
    targets = [target.status.value for target in truth.targets.values()]
    assert 15 <= targets.count("denied") <= 50
    assert 5 <= targets.count("disabled") <= 30
    nodes = [node.status.value for node in truth.nodes.values()]
    assert 0.05 < nodes.count("gone") / len(nodes) < 0.15
    assert truth.targets[world.hub_account_id, world.home_region].status == "scanned"


async def test_a_bucket_holds_its_burst_and_no_more():
    limits = Limits(default=Rate(rate_per_s=0.001, burst=3))
    async with serve(WORLD, limits=limits) as simulator, client(simulator, "ssm") as ssm:
        for _ in range(3):
            await ssm.describe_instance_patches(InstanceId=NODE)
        code, message, status = await refused(ssm.describe_instance_patches(InstanceId=NODE))
        assert (code, message, status) == ("ThrottlingException", "Rate exceeded", 400)
        await ssm.describe_instance_information()
        simulator.set_limits(Limits(default=Rate(1e6, 1e6)))
        await ssm.describe_instance_patches(InstanceId=NODE)
    stats = simulator.stats
    assert (stats.requests("DescribeInstancePatches"), stats.throttled("DescribeInstancePatches")) == (5, 1)
    assert stats.requests(account_id=ACCOUNT, region=REGION) == 6


async def test_the_sdk_s_own_retries_are_seen():
    stubborn = CONFIG.merge(type(CONFIG)(retries={"total_max_attempts": 3, "mode": "standard"}))
    async with serve(WORLD, faults=Faults(throttled=1.0, max_consecutive=1)) as simulator:
        await _first_page(simulator, stubborn)
    assert simulator.stats.sdk_attempts == {1: 1, 2: 1}
    assert simulator.stats.sdk_retries == 1


async def test_request_ids_are_uuids():
    async with serve(WORLD) as simulator:
        answers = [await _first_page(simulator) for _ in range(2)]
        async with client(simulator, "ssm") as ssm:
            with pytest.raises(ClientError) as caught:
                await ssm.describe_instance_patches(InstanceId="i-0123456789abcdef0")
    ids = {answer["ResponseMetadata"]["RequestId"] for answer in (*answers, caught.value.response)}
    assert {len(request_id) for request_id in ids} == {36}
    assert len(ids) == 3
