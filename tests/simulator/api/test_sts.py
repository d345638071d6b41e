"""STS as the SDK sees it, and what becomes of sessions."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import pytest

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from tests.simulator.clients import assume, client, refused
from tests.simulator.clocks import HandClock

WORLD = make_world(accounts=2, regions=2, nodes=8, rows=10)
HUB, MEMBER = WORLD.accounts


async def test_the_caller_is_the_hub_account():
    async with serve(WORLD) as simulator, client(simulator, "sts") as sts:
        answer = await sts.get_caller_identity()
    assert answer["Account"] == HUB
    assert answer["Arn"].startswith(f"arn:aws:iam::{HUB}:")


async def test_an_assumed_role_sees_the_nodes_of_its_own_account():
    async with serve(WORLD) as simulator:
        keys = await assume(simulator, MEMBER)
        async with client(simulator, "sts", keys=keys) as sts:
            assert (await sts.get_caller_identity())["Arn"].endswith("assumed-role/patchsweep-reader/a-test")
        async with client(simulator, "ssm", keys=keys, region="us-east-1") as ssm:
            nodes = (await ssm.describe_instance_information())["InstanceInformationList"]
    assert [n["InstanceId"] for n in nodes] == [
        n.instance_id for n in WORLD.accounts[MEMBER].regions["us-east-1"].nodes
    ]


@pytest.mark.parametrize("wrong", [{"role": "another"}, {"ExternalId": "guess"}, {}])
async def test_role_and_external_id_are_checked_and_not_told_apart(wrong):
    world = make_world(accounts=2, regions=1, nodes=0, external_id="right")
    async with serve(world) as simulator, client(simulator, "sts") as sts:
        role = wrong.get("role", "patchsweep-reader")
        external = {"ExternalId": wrong.get("ExternalId", "right")} if wrong else {}
        code, message, status = await refused(
            sts.assume_role(RoleArn=f"arn:aws:iam::{MEMBER}:role/{role}", RoleSessionName="a-test", **external)
        )
    assert (code, status) == ("AccessDenied", 403)
    assert f"sts:AssumeRole on resource: arn:aws:iam::{MEMBER}:role/{role}" in message


async def test_the_right_external_id_opens_the_account():
    world = make_world(accounts=2, regions=1, nodes=0, external_id="right")
    async with serve(world) as simulator:
        assert (await assume(simulator, MEMBER, ExternalId="right"))["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize(("seconds", "said"), [(3601, "1 hour session limit"), (899, "greater than or equal to 900")])
async def test_role_chaining_caps_sessions_at_an_hour(seconds, said):
    async with serve(WORLD) as simulator, client(simulator, "sts") as sts:
        arn = f"arn:aws:iam::{MEMBER}:role/patchsweep-reader"
        code, message, _ = await refused(
            sts.assume_role(RoleArn=arn, RoleSessionName="a-test", DurationSeconds=seconds)
        )
    assert code == "ValidationError"
    assert said in message


async def test_a_session_ends_at_its_expiration():
    clock = HandClock()
    async with serve(WORLD, clock=clock) as simulator:
        keys = await assume(simulator, MEMBER, DurationSeconds=900)
        promised = datetime.fromisoformat(keys["Expiration"])
        assert promised.timestamp() == int(clock.now + 900)
        async with client(simulator, "ssm", keys=keys) as ssm:
            clock.advance(899)
            await ssm.describe_instance_information()
            clock.advance(2)
            assert (await refused(ssm.describe_instance_information()))[::2] == ("ExpiredTokenException", 400)


async def test_sessions_can_end_earlier_than_they_promise():
    clock = HandClock()
    async with serve(WORLD, clock=clock, faults=Faults(session_lifetime_s=60)) as simulator:
        keys = await assume(simulator, MEMBER)
        assert datetime.fromisoformat(keys["Expiration"]).timestamp() >= int(clock.now + 3600)
        clock.advance(61)
        async with client(simulator, "ssm", keys=keys) as ssm:
            assert (await refused(ssm.describe_instance_information()))[0] == "ExpiredTokenException"


async def test_chance_ends_a_session_for_good_but_not_every_one():
    async with serve(WORLD, faults=Faults(early_expiry=1.0, early_expiry_after=10, max_early_expiries=1)) as simulator:
        first = await assume(simulator, MEMBER)
        async with client(simulator, "ssm", keys=first) as ssm:
            served = 0
            with suppress(ssm.exceptions.ClientError):
                for served in range(30):  # noqa: B007 - how far it came is what counts
                    await ssm.describe_instance_information()
            assert 0 < served < 29
            assert (await refused(ssm.describe_instance_information()))[0] == "ExpiredTokenException"
        second = await assume(simulator, MEMBER)
        async with client(simulator, "ssm", keys=second) as ssm:
            for _ in range(30):
                await ssm.describe_instance_information()
    assert simulator.stats.faults["early_expiry"] == 1


async def test_a_role_revoked_in_mid_run_shuts_the_account_at_once():
    async with serve(WORLD) as simulator:
        keys = await assume(simulator, MEMBER)
        simulator.revoke_role(MEMBER)
        async with client(simulator, "ssm", keys=keys) as ssm:
            assert (await refused(ssm.describe_instance_information()))[0] == "AccessDeniedException"
        async with client(simulator, "sts") as sts:
            arn = f"arn:aws:iam::{MEMBER}:role/patchsweep-reader"
            assert (await refused(sts.assume_role(RoleArn=arn, RoleSessionName="a-test")))[0] == "AccessDenied"
        assert {target.status.value for target in simulator.truth(accounts=[MEMBER]).targets.values()} == {"denied"}
