"""Damaged stores: what is torn, foreign or gone is named, and never taken for data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec import structs

from scanner.core.errors import StoreError
from scanner.core.tables import NODES_FILE, PATCHES, segment_table
from scanner.files.local import LocalFiles
from scanner.store.json_files import to_json
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry
from scanner.store.retention import KeepRules
from scanner.store.segment_parts import encode_nodes
from scanner.store.segment_reader import read_segment
from scanner.store.segments import digest
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.samples import NOBODY, commit, commit_manifest, header, instance_ids, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow

SEGMENTS = f"scans/{NOBODY}/segments"


@pytest.mark.parametrize("share", [0, 0.01, 0.25, 0.5, 0.75, 0.99])
async def test_a_torn_segment_of_an_unfinished_scan_is_ignored_and_named(share):
    files = MemoryFiles()
    store = Store(files)
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    torn = (await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(2)]))).name
    files.held[torn] = files.held[torn][: int(len(files.held[torn]) * share)]
    done = await opened(store, NOBODY).prepare_resume()
    assert done.instance_ids("111111111111", "eu-west-1") == {"i-0001"}
    assert [(file.name, file.reason) for file in done.ignored] == [
        (torn, "it is torn or was changed: its content does not match its name")
    ]


async def test_a_single_changed_byte_anywhere_is_noticed():
    files = MemoryFiles()
    store = Store(files)
    name = (await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))).name
    whole = files.held[name]
    for position in range(0, len(whole), len(whole) // 40):
        files.held[name] = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
        assert [file.name for file in (await opened(store, NOBODY).prepare_resume()).ignored] == [name]


async def test_foreign_files_among_the_segments_are_ignored_and_named():
    files = MemoryFiles()
    store = Store(files)
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    other = await opened(store, "20210101T000000Z-000000").add_segment(segment_table("another", [node(9)]))
    moved = f"{SEGMENTS}/{other.name.rpartition('/')[2]}"
    files.held |= {moved: files.held[other.name], f"{SEGMENTS}/notes (1).txt": b"mine", f"{SEGMENTS}/": b""}
    done = await opened(store, NOBODY).prepare_resume()
    assert done.instance_ids("111111111111", "eu-west-1") == {"i-0001"}
    assert {file.name: file.reason for file in done.ignored} == {
        moved: "it belongs to another scan",
        f"{SEGMENTS}/notes (1).txt": "it is not named like a segment",
        f"{SEGMENTS}/": "it is not named like a segment",
    }


async def test_a_commit_goes_past_foreign_files():
    files = MemoryFiles()
    files.held[f"{SEGMENTS}/notes.txt"] = b"mine"
    store = Store(files)
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    summary = await opened(store, NOBODY).commit(scan_row(NOBODY, {"verified": 1}), [outcome()])
    assert summary.scan.nodes["verified"] == 1
    assert await store.verify(NOBODY) == []


async def test_a_damaged_segment_of_a_committed_scan_is_named_by_replay_and_verify():
    files = MemoryFiles()
    store = Store(files)
    manifest = await commit_manifest(store, [[node(1)], [node(2)], [node(3)]])
    scan_id, damaged = manifest.scan.scan_id, manifest.segments[1].patches.name
    files.held[damaged] = files.held[damaged].replace(b"KB2-0", b"KB9-9")
    batches = store.replay(scan_id)
    assert (await anext(batches)).nodes.column("instance_id").to_pylist() == ["i-0001"]
    with pytest.raises(StoreError, match=f"memory:/{damaged} is not what was written"):
        await anext(batches)
    problems = await store.verify(scan_id)
    assert [damaged in problem for problem in problems] == [True]


@pytest.mark.parametrize("damage", [None, b"", b"PAR1"])
async def test_a_segment_of_an_unfinished_scan_without_its_patches_is_ignored_and_named(damage):
    files = MemoryFiles()
    store = Store(files)
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    entry = await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(2)]))
    del files.held[entry.patches.name]
    files.held |= {} if damage is None else {entry.patches.name: damage}
    done = await opened(store, NOBODY).prepare_resume()
    assert done.instance_ids("111111111111", "eu-west-1") == {"i-0001"}
    (ignored,) = done.ignored
    assert ignored.name == entry.name
    assert f"its patches file {entry.patches.name} is {'missing' if damage is None else 'torn'}" in ignored.reason
    with pytest.raises(StoreError, match=f"holds 1 of the 2 nodes that were written; {entry.name} was ignored"):
        await opened(store, NOBODY).commit(scan_row(NOBODY, {"verified": 2}), [outcome()])


async def test_a_segment_that_is_written_while_the_files_are_listed_is_not_taken_for_damaged():
    class SlowlyListed(MemoryFiles):
        """A store whose listing has come past `patches/` when another process writes a segment."""

        async def sizes(self, prefix=""):
            if self.held:
                return await super().sizes(prefix)
            await opened(Store(self), NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
            return await super().sizes(f"{prefix}segments/")

    done = await opened(Store(SlowlyListed()), NOBODY).prepare_resume()
    assert done.ignored == []
    assert done.instance_ids("111111111111", "eu-west-1") == {"i-0001"}


async def test_patches_of_an_unfinished_scan_that_changed_are_named_with_the_way_to_go_on():
    files = MemoryFiles()
    store = Store(files)
    await opened(store, NOBODY).begin(header(NOBODY))
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    entry = await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(2)]))
    whole = files.held[entry.patches.name]
    files.held[entry.patches.name] = bytes([*whole[:50], whole[50] ^ 1, *whole[51:]])
    row, resumed = scan_row(NOBODY, {"verified": 2}), opened(store, NOBODY)
    await resumed.prepare_resume()
    way = f"{entry.patches.name} is not what was written .*delete memory:/{entry.name} and run .*--resume {NOBODY}"
    with pytest.raises(StoreError, match=way):
        await instance_ids(resumed.replay())
    with pytest.raises(StoreError, match=way):
        await resumed.commit(row, [outcome()])
    del files.held[entry.name]
    again = opened(store, NOBODY)
    assert (await again.prepare_resume()).instance_ids("111111111111", "eu-west-1") == {"i-0001"}
    await again.add_segment(segment_table(NOBODY, [node(2)]))
    await again.commit(row, [outcome()])
    assert await store.verify(NOBODY) == []


async def test_patches_whose_nodes_were_never_written_are_no_part_of_a_scan():
    files = MemoryFiles()
    store = Store(files)
    entry = await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    del files.held[entry.name]
    await opened(store, NOBODY).add_segment(segment_table(NOBODY, [node(1)]))
    assert (await opened(store, NOBODY).prepare_resume()).ignored == []
    await opened(store, NOBODY).commit(scan_row(NOBODY, {"verified": 1}), [outcome()])
    assert await store.verify(NOBODY) == []
    assert await instance_ids(store.replay(NOBODY)) == ["i-0001"]


async def test_a_segment_that_names_the_patches_of_another_scan_is_refused():
    files = MemoryFiles()
    store = Store(files)
    table = segment_table(NOBODY, [node(1)])
    elsewhere = FileEntry("scans/20210101T000000Z-000000/patches/x", "0" * 64, 1)
    data = encode_nodes(table, elsewhere)
    sha256 = await digest(data)
    name = ScanNames(NOBODY).segment(0, "01234567", sha256)
    files.held |= {name: data, elsewhere.name: b"x"}
    assert [file.reason for file in (await opened(store, NOBODY).prepare_resume()).ignored] == [
        f"its patches file {elsewhere.name} belongs to another scan"
    ]
    with pytest.raises(StoreError, match="belongs to another scan"):
        await read_segment(files, ScanNames(NOBODY), FileEntry(name, sha256, len(data)))


async def test_verify_names_every_damaged_file_once():
    files = MemoryFiles()
    store = Store(files)
    manifest = await commit_manifest(store, [[node(1)], [node(2)], [node(3)]])
    gone, torn = manifest.segments[0], manifest.segments[1].patches
    del files.held[gone.name]
    files.held[torn.name] = files.held[torn.name][:50]
    files.held[manifest.targets.name] = b"PAR1"
    problems = await store.verify(manifest.scan.scan_id)
    assert len(problems) == 3
    for name, problem in zip((gone.name, torn.name, manifest.targets.name), problems, strict=True):
        assert name in problem
    assert "is missing" in problems[0]


async def test_a_summary_does_not_trust_a_damaged_targets_file():
    files = MemoryFiles()
    store = Store(files)
    manifest = await commit_manifest(store, [[node(1)]])
    files.held[manifest.targets.name] += b"x"
    with pytest.raises(StoreError, match=f"{manifest.targets.name} is not what was written"):
        await store.summary(manifest.scan.scan_id)


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"scan": ', b"\x00" * 50])
async def test_a_damaged_manifest_is_named_and_leaves_the_other_scans_readable(damage):
    files = MemoryFiles()
    store = Store(files)
    good, bad = await commit(store, [[node(1)]], 1_790_000_000_000), await commit(store, [[node(2)]], 1_790_000_001_000)
    files.held[f"scans/{bad}/manifest.json"] = damage
    with pytest.raises(StoreError, match=f"memory:/scans/{bad}/manifest.json is damaged"):
        await store.manifest(bad)
    assert [f"scans/{bad}/manifest.json" in problem for problem in await store.verify(bad)] == [True]
    assert await instance_ids(store.replay(good)) == ["i-0001"]


async def test_a_scan_whose_manifest_is_damaged_never_takes_the_place_of_one_that_is_kept():
    files = MemoryFiles()
    store = Store(files)
    ids = [await commit(store, [[node(1)]], 1_790_000_000_000 + 1_000 * number) for number in range(4)]
    files.held[f"scans/{ids[3]}/manifest.json"] = b"{}"
    decided = await store.decisions(KeepRules(last=1), datetime(2026, 11, 25, tzinfo=UTC))
    assert [each.reasons for each in decided] == [(), (), ("newest", "last"), ("damaged",)]
    assert await store.prune(2) == [ids[0]]
    assert await store.committed() == ids[1:]
    files.held[f"scans/{ids[1]}/manifest.json"] = files.held[f"scans/{ids[2]}/manifest.json"] = b""
    assert await store.prune(1) == []  # not one is whole


async def test_a_manifest_that_names_files_of_others_is_not_believed(tmp_path):
    files = LocalFiles(tmp_path)
    store = Store(files)
    manifest = await commit_manifest(store, [[node(1)]])
    path = tmp_path / f"scans/{manifest.scan.scan_id}/manifest.json"
    for other in ("latest.json", "scans/20210101T000000Z-000000/segments/x", "../outside", "/etc/passwd"):
        targets = structs.replace(manifest.targets, name=other)
        path.write_bytes(to_json(structs.replace(manifest, targets=targets)))
        with pytest.raises(StoreError, match=r"belongs to another scan|cannot be the name"):
            await store.summary(manifest.scan.scan_id)


async def test_a_manifest_copied_from_another_scan_is_not_believed():
    files = MemoryFiles()
    store = Store(files)
    scan_id = await commit(store, [[node(1)]])
    await opened(store, NOBODY).begin(header(NOBODY))
    files.held[f"scans/{NOBODY}/manifest.json"] = files.held[f"scans/{scan_id}/manifest.json"]
    with pytest.raises(StoreError, match=f"scans/{NOBODY}/manifest.json belongs to another scan"):
        await store.manifest(NOBODY)


async def test_a_local_copy_misses_no_file(tmp_path):
    store = Store(LocalFiles(tmp_path))
    manifest = await commit_manifest(store, [[node(1)], [node(2)]])
    gone, cut = tmp_path / manifest.segments[0].name, tmp_path / manifest.segments[1].patches.name
    cut.write_bytes(cut.read_bytes()[:-1])
    with pytest.raises(StoreError, match=f"{cut.name} is not what was written"):
        async with store.local_copy([manifest.scan.scan_id]):
            pass
    gone.unlink()
    with pytest.raises(StoreError, match=f"{gone.name} is missing"):
        async with store.local_copy([manifest.scan.scan_id]):
            pass


async def test_a_hollow_copy_is_the_file_once_its_columns_are_brought_and_goes_away():
    files = MemoryFiles()
    store = Store(files)
    manifest = await commit_manifest(store, [[node(1)], [node(2)]])
    async with store.local_copy([manifest.scan.scan_id]) as copy:
        await copy.columns.bring("nodes", NODES_FILE.names)
        await copy.columns.bring("patches", PATCHES.names)
        assert [path.read_bytes() for path in copy.nodes] == [files.held[e.name] for e in manifest.segments]
        assert [path.read_bytes() for path in copy.patches] == [files.held[e.patches.name] for e in manifest.segments]
        assert copy.scans == (manifest.scan,)
        paths = [*copy.nodes, *copy.patches, *copy.targets]
    assert not [path for path in paths if path.exists()]
