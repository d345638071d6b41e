"""Events for tickets: what two scans of one scope open, close and change."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from anyio import to_thread
from msgspec import structs

from scanner.core.model import NodeStatus, Target
from scanner.files.local import LocalFiles
from scanner.reports.diff_events import HISTORY_COLUMNS, LISTED, EventScans, events, listed_parameters
from scanner.reports.sql.query import open_views
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


async def test_events_of_a_few_machines_at_a_time_are_those_of_all_together_in_their_order(tmp_path):
    store = Store(LocalFiles(tmp_path / "store"))
    for night, lacking in enumerate((["kb-1", "kb-2"], ["kb-2", "kb-3"])):
        states = {(kb, "1.0"): "MISSING" for kb in lacking}
        nodes = [node_scan(f"i-{n:04}", states, NodeStatus.VERIFIED, night_ms(night)) for n in (3, 1, 4, 0, 2)]
        moved = structs.replace(nodes[0], target=Target("999999999999", "eu-west-1"))  # an id that two accounts have
        await scan_night(store, night_ms(night), [[*nodes, moved]])
    before, after = await store.committed()
    histories = [await store.node_history(scan_id, HISTORY_COLUMNS) for scan_id in (before, after)]
    async with store.local_copy([before, after]) as files, open_views(files) as views:
        machines = await views.fetch(LISTED, listed_parameters(before, after))

    found, counts = {}, {}
    for at_once in (1, 2, 5, 100):
        counts[at_once] = Counter()
        pieces = events(EventScans(before, after, "now", *histories), machines, counts[at_once], at_once)
        found[at_once] = [row for piece in pieces for row in piece.to_pylist()]

    keys = [(row["account_id"], row["region"], row["instance_id"], row["kb_id"]) for row in found[100]]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) == 12
    assert found[1] == found[2] == found[5] == found[100]
    assert list(counts.values()) == [{"opened": 6, "closed": 6}] * 4
