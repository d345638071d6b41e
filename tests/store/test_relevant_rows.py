"""The rows that reports are made of lie in files of their own, the very rows of the segments, whoever wrote these."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.model import NodeStatus
from scanner.core.relevant_rows import ROWS_TABLE, TABLES
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.reports.sql.query import open_views
from scanner.store.json_files import to_json
from scanner.store.layout import ScanNames
from scanner.store.store import Store
from tests.reports.open_store import names_of
from tests.reports.sql.relevant import machines, numbered_rows, queried_rows
from tests.store.memory_files import MemoryFiles
from tests.store.samples import STARTED_MS, commit, commit_manifest, header, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow


async def rows_of(store, scan_id, tables):
    """The relevant rows of a scan, and whether they come from the files that it kept."""
    async with store.local_copy([scan_id], tables) as files, open_views(files) as views:
        return await numbered_rows(views), bool(files.relevant)


async def check(store, scan_id):
    """The kept rows are those of the patches files, by their numbers and by SQL."""
    kept, is_kept = await rows_of(store, scan_id, TABLES)
    from_patches, is_from_patches = await rows_of(store, scan_id, {"patches"})
    async with store.local_copy([scan_id]) as files, open_views(files) as views:
        assert kept == from_patches == await queried_rows(views)
    assert is_kept
    assert not is_from_patches
    return kept


@pytest.mark.parametrize("seed", range(3))
async def test_the_kept_rows_are_those_of_the_segments(seed):
    segments = [machines(seed * 10 + first, range(first, first + 4)) for first in (0, 4, 8)]
    store = Store(MemoryFiles())
    assert len(await check(store, await commit(store, segments))) > 10


async def test_a_scan_that_others_wrote_keeps_each_node_once():
    """Two workers wrote segments, one node twice; a third process commits."""
    store = Store(MemoryFiles())
    scan_id = store.new_scan_id(STARTED_MS)
    await opened(store, scan_id).begin(header(scan_id))
    for first in (0, 3):
        worker = store.join_scan(scan_id)
        await worker.add_segment(segment_table(scan_id, machines(7, range(first, first + 4))))
    gap = node(9, patches=0, status=NodeStatus.FAILED, reason="no")
    await opened(store, scan_id).add_segment(segment_table(scan_id, [gap]))
    await opened(store, scan_id).commit(scan_row(scan_id, {}), [outcome()])

    rows = await check(store, scan_id)
    assert len({row["instance_id"] for row in rows}) > 3


async def test_a_segment_that_could_not_be_written_leaves_no_rows(monkeypatch):
    store = Store(MemoryFiles())
    scan_id = store.new_scan_id(STARTED_MS)
    scan = opened(store, scan_id)
    await scan.begin(header(scan_id))
    write = scan.writer.segments.write

    async def failing(_table):
        raise OSError("no space left")

    monkeypatch.setattr(scan.writer.segments, "write", failing)
    with pytest.raises(OSError, match="no space"):
        await scan.add_segment(segment_table(scan_id, machines(1, range(4))))
    monkeypatch.setattr(scan.writer.segments, "write", write)
    await scan.add_segment(segment_table(scan_id, machines(1, range(4))))
    await scan.commit(scan_row(scan_id, {}), [outcome()])

    await check(store, scan_id)


async def test_dates_of_earlier_scans_are_in_the_kept_rows():
    store = Store(MemoryFiles())
    for night in range(2):
        nodes = [structs.replace(node(1), scanned_at=STARTED_MS + night)]
        scan_id = await commit(store, [nodes], STARTED_MS + night * 60_000)

    assert [row["missing_since"] is not None for row in await check(store, scan_id)] == [True]


@pytest.mark.parametrize("damage", ["gone", "changed", "never there"])
async def test_a_scan_without_them_is_read_from_its_patches(damage, tmp_path):
    store = Store(LocalFiles(tmp_path))
    manifest = await commit_manifest(store, [machines(3, range(4)), [node(5)]])
    scan_id, kept = manifest.scan.scan_id, manifest.relevant
    whole, names = await rows_of(store, scan_id, TABLES), await names_of(store, [scan_id])
    if damage == "never there":
        (tmp_path / ScanNames(scan_id).manifest).write_bytes(to_json(structs.replace(manifest, relevant=None)))
    for entry in kept.tables.values():
        path = tmp_path / entry.name
        if damage == "changed":
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        else:
            path.unlink()

    assert (await rows_of(store, scan_id, TABLES)) == (whole[0], False)
    assert sorted(map(str, (await names_of(store, [scan_id])).to_pylist())) == sorted(map(str, names.to_pylist()))
    async with store.local_copy([scan_id], TABLES) as files:
        problems = files.problems
    if damage == "never there":
        assert (problems, await store.verify(scan_id)) == ((), [])
    else:
        assert kept.tables[ROWS_TABLE].name in " ".join(await store.verify(scan_id))
        assert [kept.patches.name in problem for problem in problems] == [True]
        assert "the rows of all patches are read instead" in problems[0]


async def test_they_go_with_their_scan(tmp_path):
    store = Store(LocalFiles(tmp_path))
    scan_id = await commit(store, [[node(1)]])
    await store.remove([scan_id])

    assert not list(tmp_path.rglob("relevant-*"))
