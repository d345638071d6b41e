"""How many calls the sources beside the patch calls cost a target, whatever its machines are."""

from __future__ import annotations

from collections import Counter
from random import Random
from types import SimpleNamespace

import pytest
from msgspec import structs

from scanner.aws.machine_sources import TargetSources
from scanner.core.baselines import short_id
from scanner.core.model import ManagedNode, NodeStatus, PatchState, Target
from scanner.core.settings import CoverageSettings, NodeSettings
from scanner.scan.node_attempt import Deliver
from scanner.scan.target_machines import TargetMachines
from scanner.simulator.generate.baselines import OPERATING_SYSTEMS, baseline_of
from scanner.simulator.generate.build import AS_OF_S
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.world.organization import Trait
from tests.aws.machines.test_decoders import QueryAsker
from tests.simulator.api.test_machines import REGION, world

WITHOUT_DATA = frozenset({Trait.ASSOCIATION_SCANNED, Trait.NEVER_SCANNED})
PLATFORMS = tuple(OPERATING_SYSTEMS)


def pages(members, size):
    return max(1, -(-members // size))


def made(*, managed, hybrid, instances, platforms, traits):
    """A world of so many nodes on the first of these platforms, and of so many EC2 instances, managed or not."""
    others = instances - (managed - hybrid)
    machines = [make_machine(Random(number), AS_OF_S, name=f"m{number}") for number in range(others)]
    simple = world(traits, managed=managed, hybrid=hybrid, machines=machines, departed=3)
    (account,) = simple.accounts.values()
    region = account.regions[REGION]
    nodes = tuple(
        structs.replace(node, platform=PLATFORMS[number % platforms]) for number, node in enumerate(region.nodes)
    )
    account = structs.replace(account, regions={REGION: structs.replace(region, nodes=nodes)})
    return structs.replace(simple, accounts={account.account_id: account})


async def further_calls(of):
    """Accounts for the machines of a world as a scan does, with its patch calls left out; counts the calls."""
    (account,) = of.accounts.values()
    nodes = account.regions[REGION].nodes
    asker = QueryAsker(of)
    requests = SimpleNamespace(ask=asker, target=Target(account.account_id, REGION))

    async def itself():
        return requests

    sources = TargetSources(requests, itself, itself, CoverageSettings(), max_restarts=1)
    machines = TargetMachines(sources, lambda: float(AS_OF_S), NodeSettings())
    await machines.load()
    listed = [node for node in nodes if Trait.STOPPED not in node.traits]
    for start in range(0, len(listed), 50):
        await machines.add([ManagedNode(node.instance_id) for node in listed[start : start + 50]])
    for node in listed:
        if node.traits & WITHOUT_DATA:
            await machines.settle(ManagedNode(node.instance_id), Deliver(NodeStatus.NO_PATCH_DATA, None))
        else:
            machines.use_state(
                PatchState(node.instance_id, baseline_id=short_id(baseline_of(account, REGION, node).baseline_id))
            )
    await machines.unlisted()
    findings = await machines.findings()
    assert findings.not_asked == ()
    return Counter(asker.asked), findings


SCANNED_BY_ASSOCIATION = [Trait.ASSOCIATION_SCANNED]


@pytest.mark.parametrize(
    ("managed", "hybrid", "instances", "platforms", "traits"),
    [
        (1, 0, 1, 1, []),
        (12, 12, 0, 3, []),
        (50, 0, 500, 2, SCANNED_BY_ASSOCIATION),
        (51, 1, 501, 7, SCANNED_BY_ASSOCIATION * 5 + [Trait.NEVER_SCANNED] * 4),
        (100, 100, 0, 4, []),
        (101, 101, 3, 5, []),
        (260, 205, 1_203, 7, SCANNED_BY_ASSOCIATION * 3 + [Trait.STOPPED] * 2 + [Trait.NEVER_SCANNED] * 20),
        (130, 0, 130, 1, [Trait.NEVER_SCANNED] * 30),
    ],
)
async def test_the_further_calls_of_a_target_stay_within_their_formula(managed, hybrid, instances, platforms, traits):
    asked, findings = await further_calls(
        made(managed=managed, hybrid=hybrid, instances=instances, platforms=platforms, traits=traits)
    )
    is_scanned_by_association = Trait.ASSOCIATION_SCANNED in traits
    without_data = sum(trait in WITHOUT_DATA for trait in traits)
    assert asked["DescribeInstances"] == pages(instances, 500)
    assert asked["GetInventory"] <= pages(managed, 50)
    assert asked["GetResources"] == (pages(hybrid, 100) if hybrid else 0)
    assert asked["GetPatchBaseline"] == len(findings.baselines)
    assert asked["ListComplianceItems"] == (without_data if is_scanned_by_association else 0)
    fixed = {"GetServiceSetting", "ListAssociations", "DescribePatchBaselines"}
    assert all(asked[operation] <= 1 for operation in fixed)
    per_member = {"DescribeInstances", "GetInventory", "GetResources", "GetPatchBaseline", "ListComplianceItems"}
    assert set(asked) <= fixed | per_member
