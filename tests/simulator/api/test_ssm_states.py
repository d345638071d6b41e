"""DescribeInstancePatchStates as the SDK sees it."""

from __future__ import annotations

from collections import Counter

import pytest

from scanner.simulator.generate.build import make_world
from scanner.simulator.running.expected_columns import DOCUMENTED
from scanner.simulator.server.server import serve
from scanner.simulator.world.faults import Faults
from tests.simulator.clients import client, refused

WORLD = make_world(accounts=1, regions=1, nodes=60, rows=40)
(ACCOUNT,) = WORLD.accounts
IDS = [node.instance_id for node in WORLD.accounts[ACCOUNT].regions["eu-west-1"].nodes]


async def _states(simulator, ids, **request):
    async with client(simulator, "ssm") as ssm:
        listing = ssm.get_paginator("describe_instance_patch_states").paginate(InstanceIds=ids, **request)
        return [page["InstancePatchStates"] async for page in listing]


async def test_states_come_in_pages_of_their_own():
    async with serve(WORLD) as simulator:
        pages = await _states(simulator, IDS[:50], MaxResults=20)
    assert [len(page) for page in pages] == [20, 20, 10]
    assert [row["InstanceId"] for page in pages for row in page] == IDS[:50]


async def test_more_than_fifty_ids_are_refused():
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        code, message, _ = await refused(ssm.describe_instance_patch_states(InstanceIds=IDS[:51]))
    assert code == "ValidationException"
    assert "at 'instanceIds' failed to satisfy constraint: Member must have length less than or equal to 50" in message


async def test_more_than_fifty_results_are_refused():
    async with serve(WORLD) as simulator, client(simulator, "ssm") as ssm:
        code, message, _ = await refused(ssm.describe_instance_patch_states(InstanceIds=IDS[:2], MaxResults=100))
    assert code == "ValidationException"
    assert "Value '100' at 'maxResults'" in message


async def test_unknown_and_never_scanned_nodes_are_left_out():
    async with serve(WORLD, faults=Faults(never_scanned=0.3, association_scanned=0.3)) as simulator:
        pages = await _states(simulator, [*IDS[:40], "i-0123456789abcdef0"], MaxResults=50)
        empty = {
            key[2] for key, node in simulator.truth().nodes.items() if node.status in ("no_patch_data", "summary_only")
        }
    assert len(empty & set(IDS[:40])) > 5
    assert [row["InstanceId"] for row in pages[0]] == [i for i in IDS[:40] if i not in empty]


async def test_counts_agree_with_the_rows_of_every_platform():
    async with serve(WORLD) as simulator:
        states = [row for page in await _states(simulator, IDS[:50], MaxResults=50) for row in page]
        truth = simulator.truth()
    for state in states:
        rows = truth.patches_of(ACCOUNT, "eu-west-1", state["InstanceId"])
        counted = Counter(row.state for row in rows)
        for wire, documented in DOCUMENTED.items():
            if wire == "NotApplicable" and not counted[documented]:
                continue
            assert state.get(f"{wire}Count", 0) == counted[documented]


async def test_linux_counts_what_is_not_applicable_and_windows_lists_it():
    async with serve(WORLD) as simulator:
        truth = simulator.truth()
    for key, node in truth.nodes.items():
        listed = sum(row.state == "NOT_APPLICABLE" for row in truth.patches_of(*key))
        if node.columns["platform_type"] == "Windows":
            assert listed == node.counts["not_applicable_count"] > 0
            assert node.counts["available_security_update_count"] is not None
        else:
            assert listed == 0 < node.counts["not_applicable_count"]
            assert node.counts["available_security_update_count"] is None


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("counts_unknown", lambda row: row["InstalledCount"] == -1 and row["OperationEndTime"] == 0.0),
        ("no_snapshot", lambda row: "SnapshotId" not in row),
    ],
)
async def test_a_state_can_be_poor(fault, seen):
    async with serve(WORLD, faults=Faults(**{fault: 1.0})) as simulator:
        ((row,),) = await _states(simulator, IDS[:1])
        truth = simulator.truth()
    assert seen(row)
    assert {node.status.value for node in truth.nodes.values()} == {"verified"}


async def test_a_state_can_come_twice_or_not_at_all():
    async with serve(WORLD, faults=Faults(state_twice=1.0)) as simulator:
        assert len((await _states(simulator, IDS[:1]))[0]) == 2
    async with serve(WORLD, faults=Faults(state_missing=1.0)) as simulator:
        assert await _states(simulator, IDS[:1]) == [[]]
        assert simulator.truth().nodes[ACCOUNT, "eu-west-1", IDS[0]].patch_rows > 0


async def test_patch_groups_may_be_empty():
    async with serve(WORLD) as simulator:
        groups = {row["PatchGroup"] for page in await _states(simulator, IDS[:50]) for row in page}
    assert groups == {"", "weekly"}
