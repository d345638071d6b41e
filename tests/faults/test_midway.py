"""What changes in the middle of a run: what was read before counts, and the rest is named."""

from __future__ import annotations

import time
from random import Random

import pytest

from scanner.core.errors import PatchsweepError
from scanner.core.model import NodeStatus, ScanStatus, TargetStatus
from scanner.simulator.generate.build import make_world
from scanner.simulator.generate.nodes import make_node
from scanner.simulator.world.faults import Faults
from tests.faults.worlds import (
    assert_is_the_truth,
    assert_rows_are_true,
    organization,
    scan,
    settings_for,
    stored,
)

WIDE = make_world(accounts=2, regions=1, nodes=240, rows=20)  # Three pages of nodes in each of two targets
HUB, MEMBER = WIDE.accounts
REGION = WIDE.home_region
PATCHES, NODES = "DescribeInstancePatches", "DescribeInstanceInformation"


def at_call(simulator, operation, number, act, *, account_id=None):
    """Do something right before the `number`-th call of an operation is answered."""
    seen = 0

    def watch(call):
        nonlocal seen
        if call.operation == operation and account_id in (None, call.account_id):
            seen += 1
            if seen == number:
                act()

    simulator.watch(watch)


def delivered(found):
    return {key for key in found.nodes if found.status(key).is_delivered}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda simulator: simulator.revoke_role(MEMBER), "not authorized"),
        (lambda simulator: simulator.disable_region(MEMBER, REGION), "UnrecognizedClientException"),
    ],
    ids=["its role is revoked", "its Region is disabled"],
)
async def test_nodes_read_before_a_target_was_shut_count_and_the_others_are_named_when(change, word, tmp_path):
    with organization(WIDE) as simulator:
        before = simulator.truth()
        at_call(simulator, PATCHES, 40, lambda: change(simulator), account_id=MEMBER)
        finished = await scan(settings_for(tmp_path / "store", WIDE, max_in_flight=4))
        found = await stored(tmp_path / "store", finished.scan.scan_id)

    whole = delivered(found)
    assert_rows_are_true(found, before, among=whole)
    lost = {key for key in found.nodes if key not in whole}
    assert {key for key in before.nodes if key[0] == HUB} <= whole
    assert lost
    assert {found.status(key) for key in lost} == {NodeStatus.DENIED}
    assert all(word in found.nodes[key]["reason"] for key in lost)
    assert not any(found.patches.get(key) for key in lost)
    assert found.targets[MEMBER, REGION]["nodes"] == sum(key[0] == MEMBER for key in found.nodes)
    assert finished.scan.status is ScanStatus.PARTIAL


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda simulator: simulator.revoke_role(MEMBER), TargetStatus.DENIED),
        (lambda simulator: simulator.disable_region(MEMBER, REGION), TargetStatus.DENIED),
    ],
    ids=["its role is revoked", "its Region is disabled"],
)
async def test_a_target_whose_listing_was_shut_says_so_and_keeps_what_was_read_when(change, status, tmp_path):
    with organization(WIDE) as simulator:
        before = simulator.truth()
        at_call(simulator, NODES, 2, lambda: change(simulator), account_id=MEMBER)
        finished = await scan(settings_for(tmp_path / "store", WIDE, max_in_flight=4))
        found = await stored(tmp_path / "store", finished.scan.scan_id)

    target = found.targets[MEMBER, REGION]
    assert target["status"] == status
    assert MEMBER in target["reason"]
    assert REGION in target["reason"]
    assert_rows_are_true(found, before, among=delivered(found))
    assert target["nodes"] == sum(key[0] == MEMBER for key in found.nodes) == 50
    assert found.targets[HUB, REGION]["status"] == "scanned"
    assert finished.scan.status is ScanStatus.PARTIAL


async def test_nodes_that_come_while_the_listing_is_read_are_read_and_those_that_go_are_named(tmp_path):
    nodes = list(WIDE.accounts[MEMBER].regions[REGION].nodes)
    left, too_late, in_time = nodes[10], *(make_node(Random(n), "rhel-9", number=900 + n, rows=70) for n in range(2))
    later = [too_late if node is left else node for node in nodes] + [in_time]

    with organization(WIDE) as simulator:
        listed_then = simulator.truth()
        at_call(simulator, PATCHES, 1, lambda: simulator.set_nodes(MEMBER, REGION, later), account_id=MEMBER)
        finished = await scan(settings_for(tmp_path / "store", WIDE, max_in_flight=1, max_open_targets=1))
        found = await stored(tmp_path / "store", finished.scan.scan_id)
        now = simulator.truth()

    gone, missed = (MEMBER, REGION, left.instance_id), (MEMBER, REGION, too_late.instance_id)
    assert set(found.nodes) == {*listed_then.nodes, *now.nodes} - {missed}
    assert (MEMBER, REGION, in_time.instance_id) in found.nodes
    assert found.status(gone) is NodeStatus.GONE
    assert found.nodes[gone]["reason"]
    assert_rows_are_true(found, now, among=set(now.nodes) - {missed})


@pytest.mark.parametrize("skew_s", [3600.0, -3600.0], ids=["an hour slow", "an hour fast"])
async def test_a_clock_that_is_off_is_told_in_a_sentence(skew_s, tmp_path):
    with organization(faults=Faults(clock_skew_s=skew_s)) as simulator:
        with pytest.raises(PatchsweepError, match="clock") as caught:
            await scan(settings_for(tmp_path / "store"))
        assert simulator.stats.requests() == 0

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store" / "scans").exists() or not any((tmp_path / "store" / "scans").iterdir())


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
async def test_times_are_right_in_the_time_zone(zone, tmp_path, monkeypatch):
    world = make_world(accounts=1, regions=1, nodes=6, rows=120, platforms=("windows-2022", "rhel-9"))
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        with organization(world) as simulator:
            finished = await scan(settings_for(tmp_path / "store", world))
            found = await stored(tmp_path / "store", finished.scan.scan_id)
            truth = simulator.truth()
        assert_is_the_truth(found, truth)
        assert any(row[-2] is None for rows in found.patches.values() for row in rows)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
