"""`doctor` tries the further sources with the requests that a scan sends, and takes for an answer what a scan does."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from scanner.aws.machine_sources import TargetSources
from scanner.aws.machines.baselines import identities
from scanner.core.errors import Transient
from scanner.core.model import Target
from scanner.core.settings import CoverageSettings
from scanner.simulator.world.organization import Trait
from tests.aws.machines.test_decoders import QueryAsker
from tests.simulator.api.test_machines import REGION, nodes_of, world


class Recorder(QueryAsker):
    """Keeps what is asked; what an operation in `instead` answers is replaced."""

    def __init__(self, made, **instead):
        super().__init__(made)
        self.requests = []
        self.instead = instead

    async def __call__(self, operation, payload, decode):
        self.requests.append((operation.iam_action, msgspec.json.encode(payload)))
        if operation.name in self.instead:
            try:
                return decode(self.instead[operation.name])
            except Exception as error:
                raise Transient(f"{operation} was answered {error}") from error
        return await super().__call__(operation, payload, decode)


def sources_of(made, **instead):
    asker = Recorder(made, **instead)
    requests = SimpleNamespace(ask=asker, target=Target(*made.accounts, REGION))

    async def itself():
        return requests

    return asker, TargetSources(requests, itself, itself, CoverageSettings(), max_restarts=1)


def everything():
    """More than a page of each listing, but for the baselines."""
    return world([Trait.ASSOCIATION_SCANNED], hybrid=120, managed=700)


async def test_each_request_is_one_that_a_scan_sends_and_none_is_sent_twice():
    made = everything()
    node = next(node.instance_id for node in nodes_of(made) if Trait.ASSOCIATION_SCANNED in node.traits)
    scan, sources = sources_of(made)
    await sources.instances()
    await sources.is_host_management_on()
    await sources.stopped_nodes(())
    await sources.hybrid_tags()
    await sources.association_scan(node)
    await sources.baselines(await identities(scan, "the target"))

    tried, sources = sources_of(made)
    assert await sources.refused(node) == []

    assert set(tried.requests) <= set(scan.requests)
    actions = [action for action, _ in tried.requests]
    assert sorted(actions) == sorted({action for action, _ in scan.requests})


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeInstances",
        "GetServiceSetting",
        "GetInventory",
        "GetResources",
        "ListAssociations",
        "ListComplianceItems",
        "DescribePatchBaselines",
        "GetPatchBaseline",
    ],
)
async def test_an_answer_that_no_scan_could_use_is_not_taken_for_one(operation):
    made = everything()
    _, sources = sources_of(made, **{operation: b"{}"})

    refused = await sources.refused(nodes_of(made)[0].instance_id)

    assert [check.action.partition(":")[2] for check in refused] == [operation]
