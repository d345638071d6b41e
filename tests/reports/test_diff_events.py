"""Events for tickets: what two scans of one scope open, close and change."""

from __future__ import annotations

import json
import re

import pytest
from anyio import to_thread

from scanner.core.model import NodeStatus, Target
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.store.missing_since.fleet_year import night_ms, node_scan, scan_night

pytestmark = pytest.mark.slow

OLD, NEW, OTHER = ("kb-1", "1.0"), ("kb-2", "1.0"), ("kb-3", "1.0")
TARGET = Target("111111111111", "eu-west-1")


async def events_of(tmp_path, *nights):
    """The events between the last two of these nights; a night has the status and the patches of each node."""
    store = Store(LocalFiles(tmp_path / "store"))
    for number, nodes in enumerate(nights):
        scans = [node_scan(node, states, status, night_ms(number)) for node, (status, states) in nodes.items()]
        await scan_night(store, night_ms(number), [scans])
    ended = await run_in_thread(tmp_path)
    assert ended.code == 0, ended
    return [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr


async def run_in_thread(tmp_path):
    return await to_thread.run_sync(
        lambda: run("diff", "--format", "events", "--store", str(tmp_path / "store"), app=FakeApp())
    )


def verified(**states):
    return NodeStatus.VERIFIED, {(kb.replace("_", "-"), "1.0"): state for kb, state in states.items()}


FAILED = (NodeStatus.FAILED, {})


async def test_what_a_node_lacks_since_is_opened_and_what_it_no_longer_lacks_is_closed(tmp_path):
    found, said = await events_of(
        tmp_path,
        {"i-0000": verified(kb_1="MISSING", kb_2="INSTALLED", kb_3="MISSING")},
        {"i-0000": verified(kb_1="INSTALLED", kb_2="MISSING", kb_3="FAILED")},
    )

    assert [(each["event"], each["kb_id"], each["states"]) for each in found] == [
        ("closed", "kb-1", None),
        ("opened", "kb-2", ["MISSING"]),
        ("changed", "kb-3", ["FAILED"]),
    ]
    assert "1 opened, 1 closed, 1 changed" in said
    times = [each[name] for each in found for name in ("missing_since", "observed_at")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in times), times


async def test_a_node_that_the_later_scan_could_not_read_closes_nothing(tmp_path):
    found, _ = await events_of(tmp_path, {"i-0000": verified(kb_1="MISSING")}, {"i-0000": FAILED})

    assert found == []


async def test_a_node_that_the_earlier_scan_could_not_read_is_compared_with_its_last_reading(tmp_path):
    found, _ = await events_of(
        tmp_path,
        {"i-0000": verified(kb_1="MISSING", kb_3="MISSING")},
        {"i-0000": FAILED},
        {"i-0000": verified(kb_2="MISSING", kb_3="MISSING")},
    )

    assert [(each["event"], each["kb_id"]) for each in found] == [("closed", "kb-1"), ("opened", "kb-2")]


async def test_a_node_that_left_closes_what_it_lacked_and_a_new_one_opens_what_it_lacks(tmp_path):
    found, _ = await events_of(tmp_path, {"i-0000": verified(kb_1="MISSING")}, {"i-0002": verified(kb_1="MISSING")})

    assert [(each["event"], each["reason"], each["instance_id"]) for each in found] == [
        ("closed", "node_left", "i-0000"),
        ("opened", None, "i-0002"),
    ]


async def test_the_key_of_a_package_stays_the_same_over_scans_and_versions(tmp_path):
    first, _ = await events_of(tmp_path, {"i-0000": verified()}, {"i-0000": verified(kb_1="MISSING")})
    update = NodeStatus.VERIFIED, {("kb-1", "2.0"): "MISSING"}
    store = Store(LocalFiles(tmp_path / "store"))
    await scan_night(store, night_ms(2), [[node_scan("i-0000", update[1], update[0], night_ms(2))]])
    second = json.loads((await run_in_thread(tmp_path)).stdout)

    assert (first[0]["event"], second["event"], second["titles"]) == ("opened", "changed", ["2.0"])
    assert first[0]["key"] == second["key"]
    assert len(second["key"]) == 32
    assert second["missing_since"] == first[0]["missing_since"]
