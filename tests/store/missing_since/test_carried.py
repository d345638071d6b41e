"""What carries the dates from scan to scan, and what happens where it is damaged, missing or doubled."""

from __future__ import annotations

from msgspec import structs

from scanner.core.model import NodeStatus
from scanner.core.tables import segment_table
from scanner.store.json_files import to_json
from scanner.store.layout import ScanNames
from scanner.store.missing_since.collector import KEPT_UNLISTED_MS
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.missing_since.fleet_year import (
    DAY_MS,
    TARGETS,
    begin_night,
    dates_in,
    night_ms,
    night_row,
    node_scan,
    scan_night,
)
from tests.store.samples import opened, outcome

OLD, NEW = ("kb-1", "1"), ("kb-2", "1")


def night(number, states, status=NodeStatus.VERIFIED, node="i-0000"):
    return [[node_scan(node, states, status, night_ms(number))]]


async def scanned(store, number, states, status=NodeStatus.VERIFIED, node="i-0000"):
    return await scan_night(store, night_ms(number), night(number, states, status, node))


async def test_rows_that_disagree_with_the_counts_of_aws_end_no_time():
    store = Store(MemoryFiles())
    await scanned(store, 0, {})
    await scanned(store, 1, {OLD: "MISSING"})
    await scanned(store, 2, {}, NodeStatus.MISMATCHED)
    last = await scanned(store, 3, {OLD: "MISSING"})

    assert await dates_in(store, last) == {("i-0000", OLD): (night_ms(1), night_ms(1))}


async def test_a_damaged_history_is_named_and_that_of_the_scan_before_is_used():
    files = MemoryFiles()
    store = Store(files)
    await scanned(store, 0, {OLD: "MISSING"})
    damaged = await scanned(store, 1, {OLD: "MISSING"})
    name = (await store.manifest(damaged)).history.name
    files.held[name] = files.held[name][:-1]
    scan_id = await begin_night(store, night_ms(2))
    scan = opened(store, scan_id)
    await scan.add_segment(segment_table(scan_id, night(2, {OLD: "MISSING", NEW: "MISSING"})[0]))
    await scan.commit(night_row(scan_id, night_ms(2)), [outcome()])

    assert await dates_in(store, scan_id) == {
        ("i-0000", OLD): (night_ms(0), night_ms(0)),
        ("i-0000", NEW): (night_ms(2), night_ms(2)),
    }
    assert name in " ".join(scan.writer.history.problems)
    assert name in " ".join(await store.verify(damaged))


async def test_a_scan_of_a_version_without_history_is_read_instead():
    files = MemoryFiles()
    store = Store(files)
    first = await scanned(store, 0, {OLD: "MISSING"})
    manifest = structs.replace(await store.manifest(first), history=None, statistics=None)
    files.held[ScanNames(first).manifest] = to_json(manifest)
    second = await scanned(store, 1, {OLD: "MISSING", NEW: "MISSING"})

    assert await dates_in(store, second) == {
        ("i-0000", OLD): (night_ms(0), night_ms(0)),
        ("i-0000", NEW): (night_ms(1), night_ms(1)),
    }


async def test_two_scans_at_once_lose_nothing_of_each_other():
    store = Store(MemoryFiles())
    await scanned(store, 0, {})
    long_id = await begin_night(store, night_ms(1))
    long = opened(store, long_id)
    await long.add_segment(segment_table(long_id, night(1, {OLD: "MISSING"})[0]))
    await scanned(store, 2, {NEW: "MISSING"}, node="i-0001")
    # It began first and ends last, so the newest by its id is not the last to be committed.
    row = structs.replace(night_row(long_id, night_ms(1)), finished_at=night_ms(3))
    await long.commit(row, [outcome(target) for target in TARGETS])
    both = [
        node_scan(node, {key: "MISSING"}, NodeStatus.VERIFIED, night_ms(4))
        for node, key in (("i-0000", OLD), ("i-0001", NEW))
    ]
    last = await scan_night(store, night_ms(4), [both])

    assert await dates_in(store, last) == {
        ("i-0000", OLD): (night_ms(1), night_ms(1)),
        ("i-0001", NEW): (night_ms(2), night_ms(2)),
    }


async def test_a_scan_that_is_resumed_after_a_later_one_takes_nothing_back_that_the_later_one_saw():
    store = Store(MemoryFiles())
    await scanned(store, 0, {})
    resumed_id = await begin_night(store, night_ms(1))
    await opened(store, resumed_id).add_segment(segment_table(resumed_id, night(1, {OLD: "MISSING"})[0]))
    await scanned(store, 2, {NEW: "MISSING"})  # OLD was installed and NEW released after the first run was killed
    resumed = opened(store, resumed_id)
    await resumed.prepare_resume()
    row = structs.replace(night_row(resumed_id, night_ms(1)), finished_at=night_ms(3))
    await resumed.commit(row, [outcome(target) for target in TARGETS])
    last = await scanned(store, 4, {NEW: "MISSING"})

    assert await dates_in(store, last) == {("i-0000", NEW): (night_ms(2), night_ms(2))}
    # Neither scan saw a package patched that another had not: nothing is counted twice, and no time is negative.
    assert [(await store.manifest(each)).statistics.patched for each in (resumed_id, last)] == [(), ()]


async def test_of_two_scans_that_overlap_the_history_of_both_is_carried_whichever_is_committed_last():
    store = Store(MemoryFiles())
    await scanned(store, 0, {})
    await scanned(store, 0, {}, node="i-0001")
    ids = [await begin_night(store, night_ms(number)) for number in (1, 2)]
    first, second = (opened(store, each) for each in ids)
    await first.add_segment(segment_table(ids[0], night(1, {OLD: "MISSING"})[0]))
    await second.add_segment(segment_table(ids[1], night(2, {NEW: "MISSING"}, node="i-0001")[0]))
    # The second ends first, yet the first has read its last node before, and only its commit takes longer.
    surveys = [await each.survey() for each in (first, second)]
    await second.commit(night_row(ids[1], night_ms(2)), [outcome(target) for target in TARGETS], surveys[1])
    await first.commit(night_row(ids[0], night_ms(1)), [outcome(target) for target in TARGETS], surveys[0])
    both = [
        node_scan(node, {key: "MISSING"}, NodeStatus.VERIFIED, night_ms(4))
        for node, key in (("i-0000", OLD), ("i-0001", NEW))
    ]
    last = await scan_night(store, night_ms(4), [both])

    assert await dates_in(store, last) == {
        ("i-0000", OLD): (night_ms(1), night_ms(1)),
        ("i-0001", NEW): (night_ms(2), night_ms(2)),
    }


async def test_a_node_that_is_listed_no_more_is_dropped_after_a_while_and_one_that_cannot_be_read_never():
    store = Store(MemoryFiles())

    async def both(number):
        nodes = ("i-0000", "i-0002")
        scans = [node_scan(node, {OLD: "MISSING"}, NodeStatus.VERIFIED, night_ms(number)) for node in nodes]
        return await scan_night(store, night_ms(number), [scans])

    await both(0)
    later = KEPT_UNLISTED_MS // DAY_MS + 1
    await scanned(store, later, {}, NodeStatus.DENIED)
    last = await both(later + 1)

    assert await dates_in(store, last) == {
        ("i-0000", OLD): (night_ms(0), night_ms(0)),
        ("i-0002", OLD): (None, None),
    }


async def test_a_reboot_is_pending_since_it_was_first_seen_or_since_the_installation_that_aws_names():
    store = Store(MemoryFiles())
    pending = {OLD: "INSTALLED_PENDING_REBOOT"}

    async def since(number, states, installed_at=None):
        (scan,) = night(number, states)[0]
        state = structs.replace(scan.state, last_no_reboot_install_time=installed_at)
        scan_id = await scan_night(store, night_ms(number), [[structs.replace(scan, state=state)]])
        (batch,) = [batch async for batch in store.replay(scan_id)]
        time = batch.nodes.column("reboot_pending_since").to_pylist()[0]
        return time and round(time.timestamp() * 1000)

    assert await since(0, pending) is None  # nothing tells since when
    assert await since(1, pending) == night_ms(0)
    assert await since(2, {}) is None
    assert await since(3, pending, installed_at=night_ms(2) + 5_000) == night_ms(2) + 5_000
    assert await since(4, pending, installed_at=night_ms(4) - 5_000) == night_ms(2) + 5_000
    assert await since(5, {}) is None
    assert await since(6, pending, installed_at=night_ms(1)) == night_ms(6)  # that one was followed by a reboot
