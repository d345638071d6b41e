"""What a killed run leaves, and how the next one goes on from it: nothing lost, nothing doubled."""

from __future__ import annotations

import pytest

from scanner.core.errors import StoreBusy, StoreError
from scanner.core.interfaces import ScanSummary
from scanner.core.model import NodeStatus, Target
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.store.memory_files import DyingFiles, MemoryFiles
from tests.store.places import every_place
from tests.store.samples import NOBODY, header, instance_ids, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow

OTHER = Target("222222222222", "us-east-1")
GAPS = (NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.UNFINISHED)


async def _add(store: Store, *nodes) -> str:
    return (await opened(store, NOBODY).add_segment(segment_table(NOBODY, nodes))).name


async def _resume(store: Store) -> ScanSummary:
    """Read what is missing of the nodes 1 to 3, and commit."""
    scan = opened(store, NOBODY)
    done = await scan.prepare_resume()
    if "i-0002" not in done.instance_ids("111111111111", "eu-west-1"):
        await scan.add_segment(segment_table(NOBODY, [node(2)]))
    return await scan.commit(scan_row(NOBODY, {"verified": 3}), [outcome()])


@every_place
async def test_delivered_nodes_are_done_and_gaps_are_not(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        await _add(store, *(node(number, status=status) for number, status in enumerate(NodeStatus)))
        await _add(store, node(50, patches=9, target=OTHER))
        done = await opened(store, NOBODY).prepare_resume()
        assert done.ignored == []
        delivered = {f"i-{number:04}" for number, status in enumerate(NodeStatus) if status.is_delivered}
        assert done.instance_ids("111111111111", "eu-west-1") == delivered
        assert len(delivered) == len(NodeStatus) - 3
        assert done.instance_ids("222222222222", "us-east-1") == {"i-0050"}
        assert done.instance_ids("333333333333", "us-east-1") == set()
        assert done.targets["222222222222", "us-east-1"].patch_rows == 9
        assert done.targets["222222222222", "us-east-1"].nodes == {"verified": 1}


@every_place
async def test_a_resumed_scan_passes_on_no_gaps_and_no_duplicates_and_leaves_every_file(open_place, tmp_path, s3_url):
    async with open_place(tmp_path, s3_url) as files:
        store = Store(files)
        await opened(store, NOBODY).begin(header(NOBODY))
        await _add(store, node(1), *(node(10 + number, status=status) for number, status in enumerate(GAPS)))
        await _add(store, node(1, scanned_at=2_000), node(2))
        await _add(store, node(20, status=NodeStatus.FAILED))
        await _add(store, node(3))
        names = await files.names(f"scans/{NOBODY}/")
        scan = opened(store, NOBODY)
        done = await scan.prepare_resume()
        assert done.instance_ids("111111111111", "eu-west-1") == {"i-0001", "i-0002", "i-0003"}
        assert sorted(await instance_ids(scan.replay())) == ["i-0001", "i-0002", "i-0003"]
        assert await files.names(f"scans/{NOBODY}/") == names
        summary = await scan.commit(scan_row(NOBODY, {"verified": 3}), [outcome()])
        assert sorted(await instance_ids(store.replay(NOBODY))) == ["i-0001", "i-0002", "i-0003"]
        assert summary.scan.nodes["verified"] == 3
        assert not sum(summary.scan.nodes[status.value] for status in GAPS)
        manifest = await store.manifest(NOBODY)
        assert await files.names(f"scans/{NOBODY}/segments/") == sorted(entry.name for entry in manifest.segments)


async def test_a_gap_of_an_earlier_run_never_takes_the_place_of_a_gap_of_this_one():
    """The clock of the earlier run may have been ahead."""
    store = Store(MemoryFiles())
    await _add(store, node(1, status=NodeStatus.FAILED, reason="earlier", scanned_at=9_000), node(2))
    scan = opened(store, NOBODY)
    await scan.prepare_resume()
    await scan.add_segment(segment_table(NOBODY, [node(1, status=NodeStatus.DENIED, reason="now", scanned_at=1_000)]))
    await scan.commit(scan_row(NOBODY, {"verified": 1, "denied": 1}), [outcome()])
    rows = [row async for batch in store.replay(NOBODY) for row in batch.nodes.to_pylist()]
    assert {row["instance_id"]: row["reason"] for row in rows} == {"i-0001": "now", "i-0002": None}


async def test_rows_of_earlier_runs_that_are_left_out_do_not_hide_a_segment_that_is_lost():
    files = MemoryFiles()
    store = Store(files)
    await _add(store, node(1, status=NodeStatus.FAILED), node(2, status=NodeStatus.FAILED))
    scan = opened(store, NOBODY)
    await scan.prepare_resume()
    lost = await scan.add_segment(segment_table(NOBODY, [node(1)]))
    await scan.add_segment(segment_table(NOBODY, [node(2)]))
    await files.delete([lost.name])
    with pytest.raises(StoreError, match="holds 1 of the 2 nodes"):
        await scan.commit(scan_row(NOBODY, {"verified": 2}), [outcome()])


async def test_a_gap_that_was_filled_later_is_committed_as_delivered():
    store = Store(MemoryFiles())
    await _add(store, node(1, status=NodeStatus.FAILED, patches=0, reason="throttled"), node(2))
    await _add(store, node(1, scanned_at=2_000, patches=3))
    summary = await opened(store, NOBODY).commit(scan_row(NOBODY, {}), [outcome()])
    assert summary.scan.nodes["failed"] == 0
    assert summary.scan.patch_rows == 5
    assert sorted(await instance_ids(store.replay(NOBODY))) == ["i-0001", "i-0002"]


async def test_of_two_deliveries_the_earlier_and_of_two_gaps_the_later_is_committed():
    store = Store(MemoryFiles())
    await _add(store, node(1, scanned_at=2_000, reason="second"), node(2, scanned_at=1))
    await _add(store, node(1, scanned_at=1_000, reason="first"))
    await _add(store, node(3, status=NodeStatus.FAILED, scanned_at=1_000, reason="first"))
    await _add(store, node(3, status=NodeStatus.DENIED, scanned_at=2_000, reason="second"))
    await opened(store, NOBODY).commit(scan_row(NOBODY, {}), [outcome()])
    rows = [row async for batch in store.replay(NOBODY) for row in batch.nodes.to_pylist()]
    assert {row["instance_id"]: row["reason"] for row in rows} == {
        "i-0001": "first",
        "i-0002": None,
        "i-0003": "second",
    }
    assert len(rows) == 3


async def test_a_node_doubled_within_one_segment_is_committed_once():
    store = Store(MemoryFiles())
    await _add(store, node(1, patches=4), node(2, patches=1), node(1, patches=4))
    summary = await opened(store, NOBODY).commit(scan_row(NOBODY, {"verified": 3}), [outcome()])
    assert (summary.scan.nodes["verified"], summary.scan.patch_rows) == (2, 5)
    assert sorted(await instance_ids(store.replay(NOBODY))) == ["i-0001", "i-0002"]


async def test_the_same_instance_id_in_another_target_is_another_node():
    store = Store(MemoryFiles())
    await _add(store, node(1), node(1, target=OTHER))
    await _add(store, node(1, target=Target("111111111111", "us-east-1")))
    summary = await opened(store, NOBODY).commit(scan_row(NOBODY, {"verified": 3}), [outcome()])
    assert summary.scan.nodes["verified"] == 3


async def test_a_commit_leaves_no_segment_that_it_wrote_anew():
    files = MemoryFiles()
    store = Store(files)
    await _add(store, node(1), node(2))
    await _add(store, node(2), node(3))
    await opened(store, NOBODY).commit(scan_row(NOBODY, {}), [outcome()])
    manifest = await store.manifest(NOBODY)
    assert await files.names(f"scans/{NOBODY}/segments/") == sorted(entry.name for entry in manifest.segments)


@pytest.mark.parametrize("changes", range(8))
async def test_a_resumption_that_dies_at_any_step_can_be_repeated(changes):
    files = MemoryFiles()
    before = Store(files)
    await opened(before, NOBODY).begin(header(NOBODY))
    await _add(before, node(1), node(2, status=NodeStatus.FAILED))
    await _add(before, node(1, scanned_at=2_000), node(3))
    with pytest.raises(StoreError, match="the disk is full"):
        await _resume(Store(DyingFiles(files, changes)))
    after = Store(files)
    if NOBODY in await after.unfinished():
        assert (await _resume(after)).scan.nodes["verified"] == 3
    assert sorted(await instance_ids(after.replay(NOBODY))) == ["i-0001", "i-0002", "i-0003"]


@pytest.mark.parametrize("changes", range(5))
async def test_a_removal_that_dies_at_any_step_never_leaves_half_a_committed_scan(changes):
    files = MemoryFiles()
    store = Store(files)
    await opened(store, NOBODY).begin(header(NOBODY))
    await _add(store, node(1))
    await _add(store, node(2))
    await opened(store, NOBODY).commit(scan_row(NOBODY, {}), [outcome()])
    kept = store.new_scan_id(1_790_000_000_000)
    await opened(store, kept).commit(scan_row(kept, {}), [outcome()])
    with pytest.raises(StoreError):
        await Store(DyingFiles(files, changes)).prune(1)
    if NOBODY in await store.committed():
        assert await store.verify(NOBODY) == []
    await store.prune(1)
    assert not [name for name in files.held if NOBODY in name]
    assert await store.committed() == [kept]


@pytest.mark.parametrize(("changes", "part"), [(0, "patches"), (1, "segments")])
async def test_a_segment_that_could_not_be_written_is_an_error_at_once(changes, part):
    store = Store(DyingFiles(MemoryFiles(), changes))
    with pytest.raises(StoreError, match=rf"cannot write .*/{part}/.*the disk is full"):
        await _add(store, node(1))
    assert (await opened(store, NOBODY).prepare_resume()).targets == {}


async def test_half_written_segments_of_a_killed_process_do_not_stand_in_the_way(tmp_path):
    files = LocalFiles(tmp_path)
    store = Store(files)
    await opened(store, NOBODY).begin(header(NOBODY))
    name = await _add(store, node(1))
    whole = tmp_path / name
    (whole.parent / f".{whole.name}.0123456789abcdef").write_bytes(whole.read_bytes()[:100])
    done = await opened(store, NOBODY).prepare_resume()
    assert done.ignored == []
    await _add(store, node(2))
    summary = await opened(store, NOBODY).commit(scan_row(NOBODY, {"verified": 2}), [outcome()])
    assert summary.scan.nodes["verified"] == 2


async def test_one_process_at_a_time_holds_a_scan_on_a_folder(tmp_path):
    one, two = Store(LocalFiles(tmp_path)), Store(LocalFiles(tmp_path))
    async with one.open_scan(NOBODY):
        with pytest.raises(StoreBusy, match="another process is writing"):
            async with two.open_scan(NOBODY):
                pass
