"""What committed scans know of nodes, and the rows that a delta scan takes from them."""

from __future__ import annotations

import pyarrow as pa
import pytest
from msgspec import structs

from scanner.core.errors import StoreError
from scanner.core.model import NodeStatus, Target
from scanner.core.patch_rows import NO_PATCHES
from scanner.core.scan_request import PatchFilters
from scanner.core.settings import PatchSettings, Settings
from scanner.core.tables import batch_of, segment_table
from scanner.store.history import HistoryQuery
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.samples import STARTED_MS, TARGET, header, node, opened, scan_row

pytestmark = pytest.mark.slow

KEY = (TARGET.account_id, TARGET.region)
ELSEWHERE = Target("222222222222", "us-east-1")


def seen(number, *, snapshot="s1", end=5_000, **kwargs):
    """A node whose patch state identifies an operation."""
    scan = node(number, **kwargs)
    return structs.replace(scan, state=structs.replace(scan.state, snapshot_id=snapshot, operation_end_time=end))


async def committed(store, scan_id, *segments, settings=None):
    await opened(store, scan_id).begin(header(scan_id, settings))
    for scans in segments:
        await opened(store, scan_id).add_segment(segment_table(scan_id, scans))
    await opened(store, scan_id).commit(scan_row(scan_id, {}), [])


def scan_id(number):
    return f"2026010{number}T000000Z-aaaaaa"


@pytest.fixture
def files():
    return MemoryFiles()


@pytest.fixture
def store(files):
    return Store(files)


async def known(store, *, targets=(KEY,), patches=None, since=0, is_lean=False):
    return await store.history(HistoryQuery(set(targets), patches or PatchFilters(), since, is_lean))


async def carried(past, waiting):
    """These nodes with their stored rows, one table for each stored segment."""
    segments = list(past.segments_of(waiting))
    return [
        await past.earlier(segment).carried(waiting.filter(pa.array([each == segment for each in segments])))
        for segment in sorted(set(segments))
    ]


async def test_a_node_with_the_same_operation_and_counts_is_unchanged(store):
    await committed(store, scan_id(1), [seen(1)])

    past = await known(store)

    assert past.is_unchanged(TARGET, seen(1).state)


@pytest.mark.parametrize(
    "state",
    [
        structs.replace(seen(1).state, snapshot_id="s2"),
        structs.replace(seen(1).state, operation_end_time=5_001),
        structs.replace(seen(1).state, missing_count=7),
        structs.replace(seen(1).state, failed_count=0),
        structs.replace(seen(1).state, instance_id="i-0002"),
    ],
    ids=["another snapshot", "another end", "another count", "a count that was unknown", "another node"],
)
async def test_whatever_differs_the_node_is_read(store, state):
    await committed(store, scan_id(1), [seen(1)])

    assert not (await known(store)).is_unchanged(TARGET, state)


@pytest.mark.parametrize("kept", [{"snapshot": None}, {"end": None}], ids=["no snapshot id", "no end time"])
async def test_a_state_that_names_no_operation_is_always_read(store, kept):
    await committed(store, scan_id(1), [seen(1, **kept)])

    assert not (await known(store)).is_unchanged(TARGET, seen(1, **kept).state)


@pytest.mark.parametrize("status", [NodeStatus.MISMATCHED, NodeStatus.FAILED, NodeStatus.NO_PATCH_DATA])
async def test_only_verified_rows_are_carried_over(store, status):
    await committed(store, scan_id(1), [seen(1, status=status)])

    assert (await known(store)).is_empty


async def test_rows_read_too_long_ago_are_read_again(store):
    await committed(store, scan_id(1), [seen(1, scanned_at=1_000), seen(2, scanned_at=2_000)])

    past = await known(store, since=1_500)

    assert not past.is_unchanged(TARGET, seen(1).state)
    assert past.is_unchanged(TARGET, seen(2).state)


async def test_a_scan_under_other_patch_filters_says_nothing(store):
    await committed(store, scan_id(1), [seen(1)], settings=Settings(patches=PatchSettings(states=("MISSING",))))

    assert (await known(store)).is_empty
    assert not (await known(store, patches=PatchFilters(states=("MISSING",)))).is_empty


async def test_a_scan_under_the_same_patch_filters_in_another_order_says_all(store):
    states = ("MISSING", "FAILED")
    await committed(store, scan_id(1), [seen(1)], settings=Settings(patches=PatchSettings(states=states)))

    assert not (await known(store, patches=PatchFilters(states=states[::-1]))).is_empty


async def test_each_target_is_taken_from_the_newest_scan_that_holds_it(store):
    await committed(store, scan_id(1), [seen(1, snapshot="old"), seen(9, target=ELSEWHERE)])
    await committed(store, scan_id(2), [seen(1, snapshot="new")])

    past = await known(store, targets=[KEY, (ELSEWHERE.account_id, ELSEWHERE.region)])

    assert past.is_unchanged(TARGET, seen(1, snapshot="new").state)
    assert not past.is_unchanged(TARGET, seen(1, snapshot="old").state)
    assert past.is_unchanged(ELSEWHERE, seen(9).state)


async def test_a_node_that_the_newest_scan_could_not_read_is_read_though_an_older_scan_has_it(store):
    await committed(store, scan_id(1), [seen(1)])
    await committed(store, scan_id(2), [seen(1, status=NodeStatus.FAILED), seen(2)])

    assert not (await known(store)).is_unchanged(TARGET, seen(1).state)


async def test_an_unfinished_scan_says_nothing(store):
    await opened(store, scan_id).begin(header(scan_id(1)))
    await opened(store, scan_id(1)).add_segment(segment_table(scan_id(1), [seen(1)]))

    assert (await known(store)).is_empty


async def test_carried_rows_are_the_stored_ones_under_what_was_found_now(store):
    await committed(store, scan_id(1), [seen(1, patches=3), seen(2, patches=0)], [seen(3, patches=2)])
    past = await known(store)
    found = [
        structs.replace(
            seen(number),
            status=NodeStatus.UNCHANGED,
            patches=NO_PATCHES,
            pages=0,
            scanned_at=9_000,
            node=structs.replace(seen(number).node, ping_status="ConnectionLost"),
        )
        for number in (3, 1, 2)
    ]

    tables = await carried(past, segment_table(scan_id(2), found))

    batches = [batch_of(table) for table in tables]
    nodes = {row["instance_id"]: row for batch in batches for row in batch.nodes.to_pylist()}
    rows = sorted(row["kb_id"] for batch in batches for row in batch.patches.to_pylist())
    assert rows == ["KB1-0", "KB1-1", "KB1-2", "KB3-0", "KB3-1"]
    assert {row["status"] for row in nodes.values()} == {"unchanged"}
    assert {row["scan_id"] for row in nodes.values()} == {scan_id(2)}
    assert {row["ping_status"] for row in nodes.values()} == {"ConnectionLost"}
    assert {key: row["patch_rows"] for key, row in nodes.items()} == {"i-0001": 3, "i-0002": 0, "i-0003": 2}
    assert {row["scanned_at"].timestamp() for row in nodes.values()} == {1.0}


async def test_a_damaged_segment_costs_its_own_nodes_only_and_is_named(store, files):
    await committed(store, scan_id(1), [seen(1)], [seen(2)])
    damaged = next(name for name in sorted(files.held) if "/segments/" in name)
    files.held[damaged] = files.held[damaged][:100]

    past = await known(store)

    assert [past.is_unchanged(TARGET, seen(number).state) for number in (1, 2)].count(True) == 1
    assert len(past.damaged) == 1
    assert damaged in past.damaged[0]


async def test_a_segment_damaged_since_is_an_error_that_names_it(store, files):
    await committed(store, scan_id(1), [seen(1)])
    past = await known(store)
    damaged = next(name for name in files.held if "/segments/" in name)
    files.held[damaged] = b""

    unchanged = [structs.replace(seen(1), status=NodeStatus.UNCHANGED)]
    with pytest.raises(StoreError, match=damaged):
        await past.earlier(0).carried(segment_table(scan_id(2), unchanged))


async def test_rows_that_were_carried_over_once_can_be_carried_over_again(store):
    await committed(store, scan_id(1), [seen(1, status=NodeStatus.UNCHANGED, scanned_at=STARTED_MS)])

    assert (await known(store, since=STARTED_MS - 1)).is_unchanged(TARGET, seen(1).state)


async def test_a_lean_scan_knows_how_old_the_installed_rows_of_a_node_are(store):
    await committed(store, scan_id(1), [seen(1, scanned_at=1_000)])

    reading = (await known(store, is_lean=True)).reading(TARGET, "i-0001")

    assert (reading.read_at, reading.as_of, reading.is_whole) == (1_000, 5_000, True)


async def test_only_a_lean_scan_takes_nodes_whose_installed_rows_were_carried_over(store):
    await committed(store, scan_id(1), [seen(1, status=NodeStatus.REFRESHED)])

    assert (await known(store)).is_empty
    assert not (await known(store, is_lean=True)).reading(TARGET, "i-0001").is_whole


@pytest.mark.parametrize(
    ("stored", "wanted", "is_taken"), [(True, False, True), (False, True, False), (False, False, True)]
)
async def test_a_scan_without_what_is_not_applicable_cannot_give_it_to_another(store, stored, wanted, is_taken):
    settings = Settings(patches=PatchSettings(not_applicable=stored))
    await committed(store, scan_id(1), [seen(1)], settings=settings)

    past = await known(store, patches=PatchFilters(not_applicable=wanted), is_lean=True)

    assert past.is_empty is not is_taken


async def test_the_installed_ids_of_a_node_are_its_own(store):
    await committed(store, scan_id(1), [seen(1, patches=2), seen(2, patches=1)])

    past = await known(store, is_lean=True)

    first, second = (past.reading(TARGET, f"i-000{number}") for number in (1, 2))
    assert past.has_installed(first, ["KB1-0"])
    assert not past.has_installed(second, ["KB1-0"])


async def test_a_worker_keeps_no_nodes_of_others_and_reads_patches_of_its_own_segments_only(files, store, monkeypatch):
    await committed(
        store, scan_id(1), [seen(number, target=ELSEWHERE) for number in (1, 2)], [seen(3, target=ELSEWHERE), seen(4)]
    )
    read, get = [], files.get

    async def watched(name):
        read.append(name)
        return await get(name)

    monkeypatch.setattr(files, "get", watched)
    past = await known(store, is_lean=True)

    assert past.is_unchanged(TARGET, seen(4).state)
    assert past.reading(ELSEWHERE, "i-0003") is None
    assert past.nodes_by_segment() == {0: 1}
    assert sum("/patches/" in name for name in read) == 1
    assert past.reading(TARGET, "i-0004").row == 1
