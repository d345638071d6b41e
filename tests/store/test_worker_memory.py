"""A worker of a delta scan holds little of each node of the scan, however many there are."""

from __future__ import annotations

import gc
import tracemalloc

import pyarrow as pa
import pytest
from msgspec import structs

from scanner.core.model import NodeStatus
from scanner.core.patch_rows import NO_PATCHES
from scanner.core.scan_request import PatchFilters
from scanner.core.tables import segment_table
from scanner.store.history import HistoryQuery
from scanner.store.manifest import FileEntry
from scanner.store.missing_since.known_nodes import KnownNodes
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.samples import STARTED_MS, TARGET, header, node, opened, scan_row

pytestmark = pytest.mark.slow

SIZES = (500, 2_500)
READING_BYTES = 120  # of each node that the worker reads: 86, and as objects 350
CARRYING_BYTES = 120  # of each node of the scan, while rows are carried over: 95
EARLIER, NOW = "20260101T000000Z-aaaaaa", "20260102T000000Z-aaaaaa"


def held_bytes():
    gc.collect()
    return tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes()


async def scans_of(nodes):
    """A store with a committed scan of so many nodes, and with one that has found all of them unchanged."""
    store = Store(MemoryFiles())
    scans = [seen(number) for number in range(nodes)]
    await opened(store, EARLIER).begin(header(EARLIER))
    await opened(store, EARLIER).add_segment(segment_table(EARLIER, scans))
    await opened(store, EARLIER).commit(scan_row(EARLIER, {}), [])
    await opened(store, NOW).begin(header(NOW))
    unchanged = [structs.replace(scan, status=NodeStatus.UNCHANGED, patches=NO_PATCHES) for scan in scans]
    (entry,) = (await store.manifest(EARLIER)).segments
    earlier = FileEntry(entry.name, entry.sha256, entry.bytes)
    await opened(store, NOW).writer.add_thin(segment_table(NOW, unchanged), [earlier] * nodes)
    return store


def seen(number):
    scan = node(number, patches=1)
    state = structs.replace(scan.state, snapshot_id=f"snapshot-{number}", operation_end_time=STARTED_MS)
    return structs.replace(scan, state=structs.replace(state, baseline_id="pb-0123456789abcdef0"))


async def held_of(nodes):
    """The bytes that a worker holds of these nodes: while it reads, and while it carries rows over."""
    store = await scans_of(nodes)
    tracemalloc.start()
    try:
        before = held_bytes()
        past = await store.history(HistoryQuery({(TARGET.account_id, TARGET.region)}, PatchFilters(), 0))
        assert past.is_unchanged(TARGET, seen(0).state)  # it is ready for look-ups
        reading = held_bytes() - before
        del past
        before = held_bytes()
        left = await opened(store, NOW).left_nodes()
        manifest = await store.manifest(EARLIER)
        known = KnownNodes(await store.files.get(manifest.history.name))
        carrying = held_bytes() - before
        assert sum(left.segments().values()) == len(known) == nodes
    finally:
        tracemalloc.stop()
    return reading, carrying


async def test_what_a_worker_holds_of_each_node_of_the_scan_is_bounded():
    (few_reading, few_carrying), (many_reading, many_carrying) = [await held_of(nodes) for nodes in SIZES]
    more = SIZES[1] - SIZES[0]
    assert (many_reading - few_reading) / more < READING_BYTES
    assert (many_carrying - few_carrying) / more < CARRYING_BYTES
