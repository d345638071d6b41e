"""Events for tickets: what two scans of one scope open, close and change."""

from __future__ import annotations

import json
import re
import weakref

import pyarrow as pa
import pytest
from anyio import to_thread
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.model import NodeStatus, Target
from scanner.files.local import LocalFiles
from scanner.reports.diff_events import EventScans, open_events
from scanner.reports.history_codes import HISTORY_COLUMNS
from scanner.store.missing_since.history_file import IN_MEMORY
from scanner.store.store import Store
from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.examples import costly
from tests.store.missing_since.fleet_year import night_ms, node_scan, scan_night

pytestmark = pytest.mark.slow

OTHER_TARGET = Target("999999999999", "eu-west-1")


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


async def test_an_id_that_two_accounts_have_is_two_machines(tmp_path):
    store = Store(LocalFiles(tmp_path / "store"))
    for night, state in enumerate(("MISSING", "INSTALLED")):
        here = node_scan("i-0000", {("kb-1", "1.0"): "MISSING"}, NodeStatus.VERIFIED, night_ms(night))
        there = node_scan("i-0000", {("kb-1", "1.0"): state}, NodeStatus.VERIFIED, night_ms(night))
        await scan_night(store, night_ms(night), [[here, structs.replace(there, target=OTHER_TARGET)]])
    ended = await run_in_thread(tmp_path)

    assert [json.loads(line)["account_id"] for line in ended.stdout.splitlines()] == [OTHER_TARGET.account_id]


KEY = st.tuples(st.sampled_from("1234"), st.sampled_from("abcde"))
TITLE = st.sampled_from(["1.0", "2.0", None])
SEVERITY = st.sampled_from(["Low", "Critical", None])
PATCH = st.tuples(st.sampled_from(["kb-1", "kb-2"]), TITLE, SEVERITY, st.sampled_from("MF"))
PATCHES = st.lists(PATCH, unique_by=lambda patch: patch[:2], max_size=3)
HISTORY_ROWS = st.dictionaries(KEY, PATCHES, min_size=10, max_size=20)
FACTS = st.sampled_from(["compared", "not listed before", "not read", "left"])
MACHINES = st.dictionaries(KEY, FACTS, min_size=10, max_size=20)


@given(MACHINES, HISTORY_ROWS, HISTORY_ROWS, st.integers(8, 20), st.integers(1, 20))
@costly(10)
async def test_events_are_those_of_comparing_one_package_after_the_other(
    machines, earlier, later, machines_at_once, rows_at_a_time
):
    """However many machines are compared at once, and however the histories are divided."""
    histories = [iter(history_pieces(rows, rows_at_a_time)) for rows in (earlier, later)]
    scans = EventScans("before", "after", "now", *histories)
    async with open_events(scans, machine_table(machines), machines_at_once=machines_at_once) as batches:
        rows = [row async for batch in batches for row in batch.to_pylist()]

    assert [tuple(row[name] for name in COMPARED) for row in rows] == list(plain_events(machines, earlier, later))


COMPARED = ("account_id", "instance_id", "kb_id", "event", "reason", "severity", "titles", "states", "titles_before")


def plain_events(machines, earlier, later):
    for key, fact in sorted(machines.items()):
        for kb in ("kb-1", "kb-2"):
            was, now = (lacking(rows.get(key, []), kb) for rows in (earlier, later))
            now = None if fact == "left" else now
            event = None if fact == "not read" else plain_event(was, now, was_listed=fact != "not listed before")
            if event:
                reason = {"left": "node_left"}.get(fact, "not_lacking") if event == "closed" else None
                severity, titles, states = now or (was[0], None, None)
                yield *key, kb, event, reason, severity or (was and was[0]), titles, states, was and was[1]


def plain_event(was, now, *, was_listed):
    if now is None:
        return was and "closed"
    if was is None or not was_listed:
        return "opened"
    return "changed" if was != now else None


def lacking(rows, kb):
    """Severity, titles and states of a package, or None; the title that is not known comes last."""
    found = sorted((row for row in rows if row[0] == kb), key=lambda row: (row[1] is None, row[1], row[3]))
    severities = [row[2] for row in found if row[2]]
    return (min(severities, default=None), [row[1] for row in found], [row[3] for row in found]) if found else None


def machine_table(machines):
    rows = [
        {
            "account_id": account_id,
            "region": "here",
            "instance_id": instance_id,
            "computer_name": None,
            "was_listed": fact != "not listed before",
            "is_read": fact in ("compared", "not listed before"),
            "has_left": fact == "left",
        }
        for (account_id, instance_id), fact in sorted(machines.items())
    ]
    table = pa.Table.from_pylist(rows)
    return table.append_column("node", pa.array(range(len(table)), pa.int32()))


def history_pieces(machines, rows_at_a_time):
    """The rows as a store gives them: a machine without lacking patches has one without a patch."""
    rows = [
        dict(zip(HISTORY_COLUMNS, (account_id, "here", instance_id, *patch, None), strict=True))
        for (account_id, instance_id), patches in machines.items()
        for patch in patches or [(None,) * 4]
    ]
    schema = pa.schema([IN_MEMORY.field(name) for name in HISTORY_COLUMNS])
    for start in range(0, len(rows), rows_at_a_time):
        yield pa.Table.from_pylist(rows[start : start + rows_at_a_time], schema)


async def test_of_a_history_one_piece_is_in_memory_at_a_time():
    made, held = [], []

    def pieces():
        for number in range(20):
            (piece,) = history_pieces({("1", f"{number:02}"): [("kb-1", "1.0", None, "M")]}, 1)
            made.append(weakref.ref(piece))
            held.append(sum(each() is not None for each in made))
            yield piece

    machines = machine_table({("1", f"{number:02}"): "compared" for number in range(20)})
    async with open_events(EventScans("before", "after", "now", iter(()), pieces()), machines) as batches:
        assert sum([batch.num_rows async for batch in batches]) == 20

    assert max(held) <= 2  # the new one and the one before, which is put down when the new one comes
