"""The sources of a target over the wire, against the simulated organization."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from scanner.aws.open import open_aws
from scanner.core.model import NodeStatus
from scanner.core.settings import CoverageSettings, LimitSettings, ScopeSettings, Settings
from scanner.core.state_names import COUNTED_STATES
from scanner.scan.job import ReadingRules, ScanJob
from scanner.scan.scan_targets import scan_targets
from scanner.simulator.generate.build import AS_OF_S
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.running.buckets import Rate
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.machines import ApprovalRule, Baseline, InstanceState
from scanner.simulator.world.organization import Trait
from tests.simulator.api.test_machines import REGION, nodes_of, world

TRANSPORTS = pytest.mark.parametrize("transport", ["direct", "sdk"])


def point_at(simulator, monkeypatch):
    for name, value in simulator.environment().items():
        monkeypatch.setenv(name, value)


async def scanned(transport="direct", limits=LimitSettings(), **coverage):  # noqa: B008 - frozen
    delivered = []

    async def deliver(scan):
        delivered.append(scan)

    settings = Settings(
        scope=ScopeSettings(regions=(REGION,)),
        transport=transport,
        limits=limits,
        coverage=CoverageSettings(**coverage),
    )
    job = ScanJob(ReadingRules((), frozenset(COUNTED_STATES), 8, 2), 2, deliver, time.time)
    async with open_aws(settings) as aws:
        (outcome,) = await scan_targets((await aws.discover()).targets, aws.fleet, job)
    return {scan.node.instance_id: scan for scan in delivered}, outcome


def machines():
    rng = Random(2)
    return [
        make_machine(rng, AS_OF_S, name="plain"),
        make_machine(rng, AS_OF_S, name="hidden", operator="eks.amazonaws.com", is_hidden=True),
        make_machine(rng, AS_OF_S, name="off", state=InstanceState.STOPPED),
        make_machine(rng, AS_OF_S, name="left", state=InstanceState.TERMINATED),
    ]


@pytest.mark.slow
@TRANSPORTS
async def test_every_machine_of_the_world_ends_once_with_its_status(monkeypatch, transport):
    others = machines()
    own = Baseline("pb-0123456789abcdef0", "ours", "AMAZON_LINUX_2023", (ApprovalRule(approve_after_days=3),))
    made = world([Trait.STOPPED, Trait.ASSOCIATION_SCANNED], hybrid=2, departed=2, machines=others, baselines=(own,))
    async with serve(made) as simulator:
        point_at(simulator, monkeypatch)
        found, outcome = await scanned(transport)
    nodes = nodes_of(made)
    plain, hidden, off, left = (machine.instance_id for machine in others)
    assert set(found) == {*(node.instance_id for node in nodes), plain, hidden, off}
    assert left not in found
    statuses = {key: scan.status for key, scan in found.items()}
    assert statuses[nodes[2].instance_id] is NodeStatus.STOPPED
    assert statuses[nodes[3].instance_id] is NodeStatus.SUMMARY_ONLY
    assert (statuses[plain], statuses[hidden], statuses[off]) == (
        NodeStatus.UNMANAGED,
        NodeStatus.SERVICE_MANAGED,
        NodeStatus.STOPPED,
    )
    assert len(found[nodes[2].instance_id].patches) > 10
    for node in nodes:
        tags = dict(found[node.instance_id].tags)
        assert dict(node.tags).items() <= tags.items()
    assert {baseline.baseline_id for baseline in outcome.baselines} == {
        scan.state.baseline_id for scan in found.values() if scan.state is not None
    }
    assert outcome.not_asked == ()


async def test_a_role_of_the_released_version_reads_what_it_read_and_names_what_it_may_not_ask(monkeypatch):
    denied = frozenset(
        {
            "ec2:DescribeInstances",
            "ssm:GetInventory",
            "ssm:GetServiceSetting",
            "ssm:ListAssociations",
            "ssm:ListComplianceItems",
            "ssm:DescribePatchBaselines",
            "ssm:GetPatchBaseline",
            "tag:GetResources",
        }
    )
    made = world([Trait.STOPPED, Trait.NEVER_SCANNED], hybrid=1, machines=machines(), denied_actions=denied)
    async with serve(made) as simulator:
        point_at(simulator, monkeypatch)
        found, outcome = await scanned()
    assert set(found) == {node.instance_id for node in nodes_of(made) if Trait.STOPPED not in node.traits}
    assert outcome.status == "scanned"
    assert [sentence.split(" in account")[0] for sentence in outcome.not_asked] == [
        "ec2:DescribeInstances",
        "tag:GetResources",
        "ssm:GetInventory",
        "ssm:ListAssociations",
        "ssm:DescribePatchBaselines",
    ]


async def test_a_source_that_is_off_is_never_asked(monkeypatch):
    off = dict.fromkeys(("ec2", "inventory", "associations", "tags", "baselines"), "off")
    async with serve(world([Trait.STOPPED, Trait.NEVER_SCANNED], hybrid=1)) as simulator:
        point_at(simulator, monkeypatch)
        _, outcome = await scanned(**off)
        asked = {operation for _, _, operation in simulator.stats.by_key}
    assert outcome.not_asked == ()
    assert asked <= {
        "GetCallerIdentity",
        "DescribeInstanceInformation",
        "DescribeInstancePatchStates",
        "DescribeInstancePatches",
    }


async def test_a_required_source_that_is_refused_makes_the_target_a_gap(monkeypatch):
    made = world(denied_actions=frozenset({"ec2:DescribeInstances"}))
    async with serve(made) as simulator:
        point_at(simulator, monkeypatch)
        _, outcome = await scanned(ec2="required")
    assert outcome.status == "denied"
    assert "ec2:DescribeInstances" in outcome.reason


@pytest.mark.slow
async def test_the_further_calls_are_few(monkeypatch):
    """At most three, and one for each baseline, each 500 instances, each 50 inventory nodes, each 100 hybrid nodes."""
    made = world([Trait.ASSOCIATION_SCANNED], hybrid=3, managed=60, machines=machines())
    async with serve(made) as simulator:
        point_at(simulator, monkeypatch)
        _, outcome = await scanned()
        asked = {operation: simulator.stats.requests(operation) for _, _, operation in simulator.stats.by_key}
    released = ("DescribeInstanceInformation", "DescribeInstancePatch", "GetCallerIdentity")
    further = {name: count for name, count in asked.items() if not name.startswith(released)}
    inventory_pages = -(-60 // 50)
    assert further == {
        "DescribeInstances": 1,
        "GetServiceSetting": 1,
        "GetInventory": inventory_pages,
        "GetResources": 1,
        "ListAssociations": 1,
        "ListComplianceItems": 1,
        "DescribePatchBaselines": 1,
        "GetPatchBaseline": len(outcome.baselines),
    }


@pytest.mark.slow
async def test_throttling_while_instances_are_paged_only_slows(monkeypatch):
    """More than a page of instances, some hidden ones of a service of AWS on the second page."""
    rng = Random(4)
    plain = [make_machine(rng, AS_OF_S, name=f"m{number}") for number in range(505)]
    hidden = [make_machine(rng, AS_OF_S, name="eks", operator="eks.amazonaws.com", is_hidden=True) for _ in range(3)]
    throttled = Faults(throttled=0.9, operations=("DescribeInstances",))
    async with serve(world(managed=0, machines=[*plain, *hidden]), faults=throttled) as simulator:
        point_at(simulator, monkeypatch)
        found, outcome = await scanned()
        assert simulator.stats.requests("DescribeInstances") > 2
    assert {scan.status for scan in map(found.get, (each.instance_id for each in plain))} == {NodeStatus.UNMANAGED}
    assert {scan.status for scan in map(found.get, (each.instance_id for each in hidden))} == {
        NodeStatus.SERVICE_MANAGED
    }
    assert (len(found), outcome.status, outcome.not_asked) == (508, "scanned", ())


@pytest.mark.slow
@TRANSPORTS
async def test_instances_before_a_page_that_ec2_never_answers_are_accounted_for_and_no_other(monkeypatch, transport):
    rng = Random(5)
    others = [make_machine(rng, AS_OF_S, name=f"m{number}") for number in range(505)]
    async with serve(world(managed=3, machines=others)) as simulator:
        simulator.set_rate(next(iter(simulator.world.accounts)), REGION, "DescribeInstances", Rate(1e-9, burst=1.0))
        point_at(simulator, monkeypatch)
        found, outcome = await scanned(transport, limits=LimitSettings(throttle_patience_s=1.0))
    statuses = Counter(scan.status for scan in found.values())
    assert statuses[NodeStatus.VERIFIED] == 3
    assert 495 <= statuses[NodeStatus.UNMANAGED] <= 500
    assert len(found) == statuses.total()
    (sentence,) = outcome.not_asked
    assert sentence.startswith("ec2:DescribeInstances in account ")
    assert "failed midway: RequestLimitExceeded" in sentence
    assert outcome.status == "scanned"
