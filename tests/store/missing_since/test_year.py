"""A year of nightly scans: every date equals the truth, whatever happened in the nights between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.model import NodeStatus
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES
from scanner.core.tables import segment_table
from scanner.store.store import Store
from tests.examples import costly, is_nightly
from tests.store.memory_files import MemoryFiles
from tests.store.missing_since.fleet_year import (
    READ,
    TARGETS,
    Expected,
    Fleet,
    begin_night,
    dates_in,
    night_ms,
    night_row,
    node_scan,
    scan_night,
)
from tests.store.samples import opened, outcome

LOST = (NodeStatus.FAILED, NodeStatus.DENIED, NodeStatus.NO_PATCH_DATA, None)  # None: the node is not listed at all


async def live_through(nights: int, seed: int) -> None:
    """Scans a fleet every night: nodes stay unread, runs are killed and resumed, scans are pruned."""
    store, fleet, expected = Store(MemoryFiles()), Fleet(seed), Expected()
    for night in range(nights):
        fleet.live_a_day()
        at_ms, read, scans = night_ms(night), {}, []
        for node in fleet.ids:
            status = fleet.random.choice(LOST) if fleet.random.random() < 0.2 else fleet.random.choice(READ)
            states = fleet.states[node] if status in READ else {}
            if status in READ:
                read[node] = [key for key, state in states.items() if state in LACKING_STATES]
            if status is not None:
                scans.append(node_scan(node, states, status, at_ms))
        if fleet.random.random() < 0.2:
            scan_id = await kill_and_resume(store, at_ms, scans)
        else:
            scan_id = await scan_night(store, at_ms, [scans[:3], scans[3:]])
        truth = {
            (node, key): dates
            for node, lacking in read.items()
            for key, dates in expected.read(node, lacking, at_ms).items()
        }
        assert await dates_in(store, scan_id) == truth, (seed, night)
        if fleet.random.random() < 0.3:
            await store.prune(fleet.random.randrange(1, 4))


async def kill_and_resume(store, at_ms, scans):
    """A run that dies after its first segment, and another that finishes the scan."""
    scan_id = await begin_night(store, at_ms)
    first = opened(store, scan_id)
    await first.add_segment(segment_table(scan_id, scans[:2]))
    second = opened(store, scan_id)
    done = await second.prepare_resume()
    ids = {node for target in done.targets.values() for node in target.instance_ids}
    rest = [scan for scan in scans if scan.node.instance_id not in ids]
    if rest:
        await second.add_segment(segment_table(scan_id, rest))
    await second.commit(night_row(scan_id, at_ms), [outcome(target) for target in TARGETS])
    return scan_id


@pytest.mark.slow
async def test_every_date_of_a_year_of_nightly_scans_is_the_truth():
    await live_through(365 if is_nightly() else 120, seed=1)


@given(st.integers(0, 2**32))
@costly(20)
@pytest.mark.slow
async def test_dates_are_the_truth_for_any_fleet(seed):
    await live_through(8, seed)


async def test_a_scan_that_lists_only_some_states_says_null_where_it_cannot_tell():
    store, missing = Store(MemoryFiles()), PatchFilters(states=("MISSING",))
    old, new = ("kb-1", "old"), ("kb-2", "new")

    def night(number, states):
        return [[node_scan("i-0000", states, NodeStatus.VERIFIED, night_ms(number))]]

    await scan_night(store, night_ms(0), night(0, {old: "MISSING"}), missing)
    second = await scan_night(store, night_ms(1), night(1, {old: "MISSING", new: "MISSING"}), missing)
    assert await dates_in(store, second) == {
        ("i-0000", old): (night_ms(0), night_ms(0)),
        ("i-0000", new): (None, None),  # it may have been failed or pending the night before
    }
    third = await scan_night(store, night_ms(2), night(2, {old: "MISSING"}), missing)
    assert await dates_in(store, third) == {("i-0000", old): (night_ms(0), night_ms(0))}
    fourth = await scan_night(store, night_ms(3), night(3, {old: "MISSING", new: "MISSING"}), missing)
    assert (await dates_in(store, fourth))["i-0000", new] == (None, None)  # it may have been lacking all the time


async def test_a_scan_of_some_patches_neither_loses_nor_ages_the_others():
    store = Store(MemoryFiles())
    critical, low = ("package-1", "1"), ("package-5", "1")
    everything = {critical: "MISSING", low: "MISSING"}
    for number in range(2):
        await scan_night(
            store, night_ms(number), [[node_scan("i-0000", everything, NodeStatus.VERIFIED, night_ms(number))]]
        )
    filters = PatchFilters(severities=("Critical",))
    only = [[node_scan("i-0000", {}, NodeStatus.VERIFIED, night_ms(2))]]
    await scan_night(store, night_ms(2), only, filters)
    last = await scan_night(store, night_ms(3), [[node_scan("i-0000", everything, NodeStatus.VERIFIED, night_ms(3))]])
    assert await dates_in(store, last) == {
        ("i-0000", critical): (night_ms(3), night_ms(3)),  # the scan of the critical ones did not list it
        ("i-0000", low): (night_ms(0), night_ms(0)),
    }


async def test_filters_in_another_order_are_the_same_filters():
    store, new = Store(MemoryFiles()), ("package-1", "1")

    async def night(number, states, *severities):
        scans = [[node_scan("i-0000", states, NodeStatus.VERIFIED, night_ms(number))]]
        return await scan_night(store, night_ms(number), scans, PatchFilters(severities=severities))

    await night(0, {}, "Critical", "Important")
    second = await night(1, {new: "MISSING"}, "Important", "Critical")
    assert await dates_in(store, second) == {("i-0000", new): (night_ms(1), night_ms(1))}
