"""A scan from its beginning to its commit, over every kind of place."""

from __future__ import annotations

import pytest

from scanner.core.errors import ConfigError, ScanNotFound, StoreError
from scanner.core.model import NodeStatus, ScanStatus, Target
from scanner.core.scan_request import PatchFilters
from scanner.core.tables import batch_of, plain_batch, segment_table
from scanner.files.local import LocalFiles
from scanner.store.history import HistoryQuery
from scanner.store.json_files import from_json
from scanner.store.layout import LATEST, is_scan_id, new_scan_id
from scanner.store.manifest import Latest
from scanner.store.segment_reader import FILES_AT_ONCE
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles, SlowFiles
from tests.store.places import every_place
from tests.store.samples import (
    NOBODY,
    STARTED_MS,
    TARGET,
    commit,
    commit_manifest,
    header,
    instance_ids,
    node,
    opened,
    outcome,
    scan_row,
    secret_settings,
)

pytestmark = pytest.mark.slow


@every_place
async def test_a_committed_scan_is_read_back_whole(open_place, tmp_path, s3_url):
    segments = [[node(1), node(2, patches=0)], [node(3, patches=5)]]
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        scan_id = await commit(store, segments)
        batches = [plain_batch(batch) async for batch in store.replay(scan_id)]
        expected = [batch_of(segment_table(scan_id, nodes)) for nodes in segments]
        assert [batch.nodes.equals(want.nodes) for batch, want in zip(batches, expected, strict=True)] == [True, True]
        assert [batch.patches.equals(want.patches) for batch, want in zip(batches, expected, strict=True)] == [True] * 2
        assert await store.verify(scan_id) == []


@every_place
async def test_a_scan_is_unfinished_until_it_is_committed(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        scan_id = store.new_scan_id(STARTED_MS)
        async with store.open_scan(scan_id) as scan:
            await scan.begin(header(scan_id))
            await scan.add_segment(segment_table(scan_id, [node(1)]))
            assert (await store.committed(), await store.unfinished()) == ([], [scan_id])
            assert await store.resolve_unfinished() == scan_id
            await scan.commit(scan_row(scan_id, {"verified": 1}), [outcome()])
        assert (await store.committed(), await store.unfinished()) == ([scan_id], [])
        assert await store.resolve("latest") == await store.resolve() == await store.resolve(scan_id) == scan_id


@every_place
async def test_the_summary_of_a_stored_scan_is_the_one_its_commit_returned(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        scan_id = store.new_scan_id(STARTED_MS)
        await opened(store, scan_id).add_segment(
            segment_table(scan_id, [node(1), node(2, status=NodeStatus.GONE, patches=0)])
        )
        outcomes = [outcome(), outcome(Target("222222222222", "us-east-1"))]
        returned = await opened(store, scan_id).commit(scan_row(scan_id, {}), outcomes)
        read = await store.summary(scan_id)
        assert read.scan == returned.scan
        assert read.targets.equals(returned.targets)
        assert read.scans.equals(returned.scans)
        assert read.targets.column("account_id").to_pylist() == ["111111111111", "222222222222"]


async def test_the_committed_counts_are_those_of_the_segments():
    manifest = await commit_manifest(
        Store(MemoryFiles()), [[node(1, patches=3), node(2, status=NodeStatus.DENIED, patches=0)], [node(3, patches=4)]]
    )
    assert {status: count for status, count in manifest.scan.nodes.items() if count} == {"verified": 2, "denied": 1}
    assert manifest.scan.patch_rows == 7
    assert [(entry.nodes, entry.patch_rows) for entry in manifest.segments] == [(2, 3), (1, 4)]


async def test_a_scan_that_read_nothing_can_be_committed():
    store = Store(MemoryFiles())
    scan_id = await commit(store, [])
    assert [batch async for batch in store.replay(scan_id)] == []
    assert await store.verify(scan_id) == []


async def test_replayed_batches_hold_whole_nodes_and_no_more_rows_than_asked():
    store = Store(MemoryFiles())
    rows = [3, 3, 3, 10, 1, 1, 0, 0, 7]
    scan_id = await commit(store, [[node(number, patches) for number, patches in enumerate(rows)]])
    batches = [batch async for batch in store.replay(scan_id, batch_rows=6)]
    assert [batch.nodes.column("patch_rows").to_pylist() for batch in batches] == [[3, 3], [3], [10], [1, 1, 0, 0], [7]]
    assert [len(batch.patches) for batch in batches] == [6, 3, 10, 2, 7]


async def test_nodes_without_patches_fill_batches_too():
    store = Store(MemoryFiles())
    scan_id = await commit(store, [[node(number, patches=0) for number in range(10)]])
    assert [len(batch.nodes) async for batch in store.replay(scan_id, batch_rows=4)] == [4, 4, 2]


async def test_two_writers_of_one_scan_never_take_the_same_name():
    files = MemoryFiles()
    names = set()
    for writer in (opened(Store(files), NOBODY), opened(Store(files), NOBODY)):
        for _ in range(3):
            names.add((await writer.add_segment(segment_table(NOBODY, [node(1)]))).name)
    assert len(names) == 6


async def test_latest_points_to_the_newest_scan_even_if_an_older_one_ends_after_it():
    files = MemoryFiles()
    store = Store(files)
    newer = await commit(store, [[node(1)]], STARTED_MS + 60_000)
    older = await commit(store, [[node(1)]], STARTED_MS)
    assert await store.committed() == [older, newer]
    latest = from_json(files.held[LATEST], Latest, LATEST)
    assert latest == Latest(newer, f"scans/{newer}/manifest.json")


async def test_a_scan_that_is_not_there_is_answered_with_those_that_are():
    store = Store(MemoryFiles())
    with pytest.raises(ScanNotFound, match="there is no committed scan in memory:: run `patchsweep scan` first"):
        await store.resolve()
    with pytest.raises(ScanNotFound, match="no unfinished scan in memory:"):
        await store.resolve_unfinished()
    scan_id = await commit(store, [[node(1)]])
    with pytest.raises(ScanNotFound, match=f"has the id {NOBODY}: there is {scan_id}"):
        await store.resolve(NOBODY)
    with pytest.raises(ScanNotFound, match="is committed already: there is nothing to resume"):
        await store.resolve_unfinished(scan_id)
    with pytest.raises(ScanNotFound):
        await store.manifest(NOBODY)


async def test_asking_for_an_unfinished_scan_says_how_to_finish_it():
    store = Store(MemoryFiles())
    await opened(store, NOBODY).begin(header(NOBODY))
    with pytest.raises(ScanNotFound, match=f"not committed: finish it with `patchsweep scan --resume {NOBODY}`"):
        await store.resolve(NOBODY)


async def test_a_scan_header_holds_the_request_and_no_secret():
    files = MemoryFiles()
    store = Store(files)
    await opened(store, NOBODY).begin(header(NOBODY, secret_settings()))
    assert (await store.header(NOBODY)).request.scope.role_name == "reader"
    assert not [name for name, data in files.held.items() if b"hush" in data]


async def test_names_that_are_no_scan_ids_are_no_scans():
    files = MemoryFiles()
    files.held = {"scans/notes/manifest.json": b"", "scans/readme.txt": b"", "scans//manifest.json": b""}
    files.held |= {"scans/20261399T000000Z-000000/manifest.json": b""}
    assert await Store(files).committed() == []


def test_scan_ids_sort_by_time_and_differ_within_a_second():
    ids = [new_scan_id(STARTED_MS + 1000 * second) for second in range(5)]
    assert ids == sorted(ids)
    assert all(map(is_scan_id, ids))
    assert len({new_scan_id(STARTED_MS) for _ in range(50)}) == 50
    assert new_scan_id(STARTED_MS + 999).startswith("20260921T141320Z-")


@every_place
async def test_pruning_keeps_the_newest_scans_and_takes_what_is_older(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        abandoned = store.new_scan_id(STARTED_MS - 8 * 86_400_000)
        await opened(store, abandoned).begin(header(abandoned))
        ids = [await commit(store, [[node(1)]], STARTED_MS + 1000 * number) for number in range(4)]
        running = store.new_scan_id(STARTED_MS + 9_000)
        await opened(store, running).begin(header(running))
        assert await store.prune(2) == [abandoned, *ids[:2]]
        assert (await store.committed(), await store.unfinished()) == (ids[2:], [running])
        assert not [name for name in await files.names() if ids[0] in name or abandoned in name]
        assert await store.verify(ids[3]) == []


async def test_pruning_leaves_a_scan_alone_that_may_still_be_running():
    store = Store(MemoryFiles())
    running = store.new_scan_id(STARTED_MS - 6 * 86_400_000)
    await opened(store, running).begin(header(running))
    scan_id = await commit(store, [[node(1)]])
    assert await store.prune(1) == []
    assert (await store.unfinished(), await store.committed()) == ([running], [scan_id])


async def test_a_scan_that_holds_nothing_can_be_discarded_and_any_other_not(tmp_path):
    store = Store(LocalFiles(tmp_path))
    for scan_id in (NOBODY, store.new_scan_id(STARTED_MS)):
        async with store.open_scan(scan_id) as scan:
            await scan.begin(header(scan_id))
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    for scan_id in await store.unfinished():
        async with store.open_scan(scan_id) as scan:
            assert await scan.discard_if_empty() == (scan_id != NOBODY)
    assert [path.name for path in (tmp_path / "scans").iterdir()] == [NOBODY]
    assert await store.unfinished() == [NOBODY]


class FullFolder(LocalFiles):
    """A folder on a full disk: files can be locked and removed, and none written."""

    async def put(self, name, data):
        raise StoreError("the disk is full")

    put_if = put


async def test_scans_can_be_removed_from_a_full_disk(tmp_path):
    store = Store(LocalFiles(tmp_path))
    old, older, newest = [await commit(store, [[node(1)]], STARTED_MS + 1000 * number) for number in range(3)]
    full = Store(FullFolder(tmp_path))
    assert await full.remove([old]) == [old]
    assert await full.prune(1) == [older]
    assert await full.committed() == [newest]


async def test_pruning_below_one_scan_is_a_wrong_setting():
    with pytest.raises(ConfigError, match="--keep 0"):
        await Store(MemoryFiles()).prune(0)


async def test_committed_scans_are_partial_where_the_row_says_so():
    store = Store(MemoryFiles())
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    summary = await opened(store, NOBODY).commit(scan_row(NOBODY, {}, ScanStatus.PARTIAL), [outcome()])
    assert summary.scan.status is ScanStatus.PARTIAL
    assert (await store.manifest(NOBODY)).scan.status is ScanStatus.PARTIAL


async def test_a_commit_that_would_lose_nodes_is_refused():
    files = MemoryFiles()
    store = Store(files)
    await opened(store, NOBODY).begin(header(NOBODY))
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1), node(2)]))
    lost = await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(3)]))
    files.held[lost.name] = files.held[lost.name][:-20]
    with pytest.raises(StoreError, match=f"holds 2 of the 3 nodes .*{lost.name} was ignored: it is torn .*--resume"):
        await opened(store, NOBODY).commit(scan_row(NOBODY, {"verified": 3}), [outcome()])
    assert await store.unfinished() == [NOBODY]


async def test_instance_ids_come_in_the_order_of_their_segments():
    store = Store(MemoryFiles())
    scan_id = await commit(store, [[node(3), node(1)], [node(2)]])
    assert await instance_ids(store.replay(scan_id)) == ["i-0003", "i-0001", "i-0002"]


@pytest.mark.slow
async def test_segments_are_waited_for_a_few_at_a_time_and_stay_in_their_order():
    files = SlowFiles()
    store = Store(files)
    await opened(store, NOBODY).begin(header(NOBODY))
    for number in range(3 * FILES_AT_ONCE):
        await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(number)]))
    most = []

    async def noted(reading):
        files.most = 0
        await reading
        most.append(files.most)

    await noted(opened(store, NOBODY).prepare_resume())
    await noted(opened(store, NOBODY).commit(scan_row(NOBODY, {}), []))
    await noted(store.verify(NOBODY))
    await noted(store.history(HistoryQuery({(TARGET.account_id, TARGET.region)}, PatchFilters(), 0)))

    assert most == [FILES_AT_ONCE] * 4
    segments = (await store.manifest(NOBODY)).segments
    assert [segment.name for segment in segments] == sorted(segment.name for segment in segments)
