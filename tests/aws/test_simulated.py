"""The whole client against the simulated organization, with everything going wrong that may."""

from __future__ import annotations

import time
from contextlib import suppress

import anyio
import msgspec
import pyarrow as pa
import pytest

from scanner.aws.open import open_aws
from scanner.aws.operations import OPERATIONS
from scanner.core.errors import PaginationBroken
from scanner.core.model import Target
from scanner.core.patch_rows import patch_rows_of
from scanner.core.patch_table import in_words, listed
from scanner.core.settings import LimitSettings, ScopeSettings, Settings
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.buckets import Limits, Rate
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from tests.aws.fake_ssm import QUICK
from tests.worded import rows_of, rows_of_page

pytestmark = pytest.mark.slow

WORLD = make_world(accounts=3, regions=2, nodes=18, rows=120)
ALL = ScopeSettings(accounts=("organization",), regions=("enabled",), role_name=WORLD.role_name)
STUBBORN = msgspec.structs.replace(QUICK, max_attempts=12, read_timeout_s=5.0)


def settings_of(scope=ALL, limits=STUBBORN):
    return Settings(scope=scope, limits=limits)


def point_at(simulator, monkeypatch):
    for name, value in simulator.environment().items():
        monkeypatch.setenv(name, value)


async def whole_node(reader, instance_id):
    """The patches of a node, started anew as long as its pagination breaks."""
    for _ in range(8):
        patches, token, seen = [], None, set()
        with suppress(PaginationBroken):
            while token not in seen and len(seen) < 100:
                seen.add(token)
                page = await reader.patch_page(instance_id, token)
                patches += rows_of_page(page)
                token = page.next_token
                if token is None:
                    return patches
    raise AssertionError(instance_id)


async def everything(aws, targets):
    """All that the fleet gives: patches and states by (account, Region, instance id)."""
    patches, states, nodes = {}, {}, []

    async def read_node(target, reader, instance_id):
        patches[target.account_id, target.region, instance_id] = await whole_node(reader, instance_id)

    async def read(target):
        async with aws.fleet.open(target) as reader, anyio.create_task_group() as readers:
            async for page in reader.nodes():
                nodes.extend((target.account_id, target.region, node.instance_id) for node in page)
                found = await reader.patch_states([node.instance_id for node in page])
                states.update({(target.account_id, target.region, name): state for name, state in found.items()})
                for node in page:
                    readers.start_soon(read_node, target, reader, node.instance_id)

    async with anyio.create_task_group() as tasks:
        for target in targets:
            tasks.start_soon(read, target)
    return nodes, states, patches


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(
            seed=1,
            internal_error_500=0.04,
            html_503=0.04,
            reset=0.04,
            truncated_body=0.04,
            cut_body=0.04,
            empty_body=0.04,
            missing_list=0.04,
            throttled=0.04,
            early_expiry=0.02,
        ),
        Faults(
            seed=2,
            invalid_next_token=0.1,
            repeated_token=0.1,
            empty_page=0.2,
            varying_page_sizes=True,
            end_of_listing="null",
            listed_twice=0.3,
            state_twice=0.3,
        ),
    ],
    ids=["nothing", "passing", "broken"],
)
async def test_whatever_goes_wrong_the_fleet_gives_what_there_is(faults, monkeypatch):
    async with serve(WORLD, faults=faults) as simulator:
        point_at(simulator, monkeypatch)
        truth = simulator.truth()
        async with open_aws(settings_of()) as aws:
            discovery = await aws.discover()
            nodes, states, patches = await everything(aws, discovery.targets)
        assert discovery.outcomes == []
        assert sorted(nodes) == sorted(truth.nodes)
        for key, node in truth.nodes.items():
            assert rows_of(in_words(listed([patch_rows_of(patches[key])]))) == [
                row[3:] for row in truth.patches_of(*key)
            ]
            counted = {name: getattr(states[key], name) for name in node.counts} if key in states else {}
            assert all(counted[name] == value for name, value in node.counts.items() if value is not None)
        assert simulator.stats.sdk_retries == 0


async def test_rows_of_year_one_are_read_in_a_time_zone_west_of_utc(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    world = make_world(accounts=1, regions=1, nodes=3, rows=100, platforms=("windows-2022",))
    try:
        async with serve(world) as simulator:
            point_at(simulator, monkeypatch)
            async with open_aws(settings_of(ScopeSettings())) as aws:
                _, _, patches = await everything(aws, (await aws.discover()).targets)
            assert sum(map(len, patches.values())) == simulator.truth().patch_rows
            words = in_words(listed(map(patch_rows_of, patches.values())))
            times = set(words.field("installed_time").cast(pa.int64()).to_pylist())
            assert None in times
            assert min(moment for moment in times if moment is not None) > 0
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


async def test_a_session_ended_under_many_requests_is_renewed_once_an_account(monkeypatch):
    async with serve(WORLD) as simulator:
        point_at(simulator, monkeypatch)
        async with open_aws(settings_of()) as aws:
            targets = (await aws.discover()).targets
            assert simulator.stats.requests("AssumeRole") == 2
            assert simulator.expire_sessions() == 2
            await everything(aws, targets)
        assert simulator.stats.requests("AssumeRole") == 4


async def test_the_rate_finds_its_way_under_a_limit_nobody_told_it(monkeypatch):
    limits = LimitSettings(rate_per_s=200.0, burst=20.0, min_rate_per_s=1.0, max_rate_per_s=400.0)
    async with serve(WORLD, limits=Limits(default=Rate(rate_per_s=60.0, burst=10.0))) as simulator:
        point_at(simulator, monkeypatch)
        async with open_aws(settings_of(ScopeSettings(), limits)) as aws:
            await everything(aws, (await aws.discover()).targets)
        assert simulator.stats.throttled("DescribeInstancePatches") < 0.5 * simulator.stats.requests(
            "DescribeInstancePatches"
        )


async def test_a_single_place_in_flight_does_not_wait_for_itself(monkeypatch):
    narrow = msgspec.structs.replace(STUBBORN, max_in_flight=1)
    async with serve(WORLD, faults=Faults(seed=3, session_lifetime_s=0.4)) as simulator:
        point_at(simulator, monkeypatch)
        member = next(iter(set(WORLD.accounts) - {WORLD.hub_account_id}))
        with anyio.fail_after(300):
            async with (
                open_aws(settings_of(limits=narrow)) as aws,
                aws.fleet.open(Target(member, "eu-west-1")) as reader,
            ):
                names = [node.instance_id async for page in reader.nodes() for node in page]
                assert names
        assert simulator.stats.max_in_flight == 1


async def test_every_operation_that_was_asked_is_in_the_table(monkeypatch):
    async with serve(WORLD) as simulator:
        point_at(simulator, monkeypatch)
        async with open_aws(settings_of()) as aws:
            await everything(aws, (await aws.discover()).targets)
        asked = {operation for _, _, operation in simulator.stats.by_key}
    # Account Management is asked only where EC2 does not list the Regions; of the sources that are asked about
    # machines besides, see the tests of the machine sources.
    assert asked == {
        "GetCallerIdentity",
        "AssumeRole",
        "ListAccounts",
        "DescribeRegions",
        "DescribeInstanceInformation",
        "DescribeInstancePatchStates",
        "DescribeInstancePatches",
    }
    assert asked <= {operation.name for operation in OPERATIONS}
