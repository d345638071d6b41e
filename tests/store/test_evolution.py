"""Scans whose segments have fewer or more columns than this version writes are read by everything."""

from __future__ import annotations

import pyarrow as pa
import pytest

from scanner.core.baselines import ApprovalRule, Baseline
from scanner.core.model import NodeStatus, PatchState
from scanner.core.scan_request import PatchFilters
from scanner.core.tables import NODES, PATCHES, plain_batch, segment_table
from scanner.files.local import LocalFiles
from scanner.reports.sql.query import open_views
from scanner.store import segment_writer
from scanner.store.history import HistoryQuery
from scanner.store.layout import ScanNames
from scanner.store.segment_part import SegmentPart, read_part
from scanner.store.segment_reader import read_segment
from scanner.store.segment_writer import SegmentWriter
from scanner.store.segments import parquet_bytes
from scanner.store.store import Store
from tests.reports.sql.relevant import relevant
from tests.store.memory_files import MemoryFiles
from tests.store.samples import (
    NOBODY,
    STARTED_MS,
    TARGET,
    add_nested_segment,
    commit,
    header,
    newer_segment,
    node,
    older_segment,
    opened,
    outcome,
    scan_row,
)

pytestmark = pytest.mark.slow

KEY = (TARGET.account_id, TARGET.region)


def usual_segment(scan_id, scans):
    return segment_table(scan_id, scans)


def nested_segment(scan_id, scans):
    """Nodes and patches in one file."""
    return segment_table(scan_id, scans).drop_columns(["tags"])


SEGMENTS = {
    "an earlier version": (older_segment,),
    "a later version": (newer_segment,),
    "all of them": (older_segment, usual_segment, newer_segment),
    "all of them, the latest first": (newer_segment, usual_segment, older_segment),
    "the first release": (nested_segment,),
    "the first release and later ones": (older_segment, nested_segment, newer_segment, usual_segment),
}


@pytest.fixture(params=SEGMENTS.values(), ids=SEGMENTS.keys())
async def evolved(request, tmp_path):
    """A committed scan with one segment of two nodes from each of these versions, and their number."""
    store = Store(LocalFiles(tmp_path / "store"))
    scan_id = store.new_scan_id(STARTED_MS)
    await opened(store, scan_id).begin(header(scan_id))
    for number, segment in enumerate(request.param):
        nodes = [node(2 * number, patches=3), node(2 * number + 1, patches=0, status=NodeStatus.NO_PATCH_DATA)]
        table = segment(scan_id, nodes)
        if segment is nested_segment:
            await add_nested_segment(store.files, scan_id, table)
        else:
            await SegmentWriter(store.files, ScanNames(scan_id)).write(table)
    await opened(store, scan_id).commit(scan_row(scan_id, {}), [outcome()])
    return store, scan_id, 2 * len(request.param)


async def test_it_is_replayed_in_the_columns_of_this_version(evolved):
    store, scan_id, count = evolved
    batches = [batch async for batch in store.replay(scan_id)]

    assert all(batch.nodes.schema.names == NODES.names for batch in batches)
    assert all(plain_batch(batch).patches.schema.equals(PATCHES) for batch in batches)
    assert sum(len(batch.nodes) for batch in batches) == count
    assert await store.verify(scan_id) == []


async def test_it_is_queried_in_the_columns_of_this_version(evolved):
    store, scan_id, count = evolved
    async with store.local_copy([scan_id]) as copy, open_views(copy) as views:
        nodes = await views.fetch("SELECT * FROM nodes")
        patches = await views.fetch("SELECT * FROM patches")
        named = "SELECT count(DISTINCT kb_id) AS n FROM patches WHERE list_contains(cve_ids, 'CVE-2026-1')"
        counted = await views.fetch(named)

    # The view adds the age of the data to the columns that are stored.
    assert [name for name in nodes.schema.names if name != "data_age_days"] == NODES.names
    assert patches.schema.names == PATCHES.names
    assert (len(nodes), len(patches)) == (count, count // 2 * 3)
    assert counted.to_pylist() == [{"n": count // 2}]


async def test_its_numbered_patches_are_the_rows_that_it_is_queried_for(evolved):
    store, scan_id, count = evolved
    async with store.local_copy([scan_id]) as copy, open_views(copy) as views:
        numbered, queried = await relevant(views)

    assert numbered == queried
    assert len(numbered) == count // 2


async def test_a_delta_scan_compares_with_it(evolved):
    store, _, _ = evolved
    history = await store.history(HistoryQuery([KEY], PatchFilters(), since=0))

    assert history.damaged == []
    assert not history.is_empty
    assert not history.is_unchanged(TARGET, PatchState("i-0000", missing_count=1))


async def test_a_scan_that_the_first_release_began_is_resumed_and_committed():
    files = MemoryFiles()
    store = Store(files)
    denied = node(2, patches=0, status=NodeStatus.DENIED)
    await opened(store, NOBODY).begin(header(NOBODY))
    await add_nested_segment(files, NOBODY, nested_segment(NOBODY, [node(1, patches=3), denied]))
    again = opened(store, NOBODY)
    assert (await again.prepare_resume()).instance_ids(*KEY) == {"i-0001"}
    await again.add_segment(segment_table(NOBODY, [node(2, patches=2), node(3, patches=0)]))
    summary = await again.commit(scan_row(NOBODY, {"verified": 3}), [outcome()])

    assert (summary.scan.nodes["verified"], summary.scan.patch_rows) == (3, 5)
    assert await store.verify(NOBODY) == []
    # The segment with the gap was written again, in two files.
    assert [entry.is_nested for entry in (await store.manifest(NOBODY)).segments] == [False, False]
    batches = [batch async for batch in store.replay(NOBODY)]
    assert sorted(each for batch in batches for each in batch.nodes.column("instance_id").to_pylist()) == [
        "i-0001",
        "i-0002",
        "i-0003",
    ]
    assert sum(len(batch.patches) for batch in batches) == 5


async def test_some_columns_of_the_patches_are_read_alike_from_every_version(evolved):
    store, scan_id, _ = evolved
    for entry in (await store.manifest(scan_id)).segments:
        table = (await read_segment(store.files, ScanNames(scan_id), entry)).to_pydict()
        for states in ((), ("MISSING",), ("MISSING", "INSTALLED"), ("NONE",)):
            part = SegmentPart(("instance_id", "operation_end_time"), {"kb_id", "state", "missing_since"}, states)
            read = (await read_part(store.files, ScanNames(scan_id), entry, part)).to_pydict()
            assert {name: read[name] for name in part.nodes} == {name: table[name] for name in part.nodes}
            assert read["patches"] == [
                [
                    {name: row[name] for name in ("kb_id", "state", "missing_since")}
                    for row in rows
                    if not states or row["state"] in states
                ]
                for rows in table["patches"]
            ]


ADDED = ("is_default", "enable_non_security", "nodes")


def without_added(table):
    """The targets file as a version wrote it whose baselines did not have these members."""
    nested = table.column("baselines").combine_chunks()
    members = [field for field in nested.type.value_type if field.name not in ADDED]
    values = pa.StructArray.from_arrays([nested.values.field(field.name) for field in members], fields=members)
    place = table.schema.get_field_index("baselines")
    return table.set_column(place, "baselines", pa.ListArray.from_arrays(nested.offsets, values))


@pytest.mark.parametrize("has_newer", [False, True])
async def test_what_an_earlier_version_did_not_write_of_baselines_is_not_known(tmp_path, monkeypatch, has_newer):
    store = Store(LocalFiles(tmp_path))
    used = Baseline("pb-1", is_default=True, rules=(ApprovalRule(enable_non_security=False),), nodes=2)
    with monkeypatch.context() as earlier:
        earlier.setattr(segment_writer, "parquet_bytes", lambda table: parquet_bytes(without_added(table)))
        older = await commit(store, [[node(1)]], baselines=(used,))
    expected = {older: (None, None, None)}
    if has_newer:
        expected[await commit(store, [[node(1)]], STARTED_MS + 60_000, baselines=(used,))] = (True, False, 2)

    for scan_id, values in expected.items():
        (row,) = (await store.summary(scan_id)).baselines.to_pylist()
        assert (row["baseline_id"], *(row[name] for name in ADDED)) == ("pb-1", *values)
    async with store.local_copy(await store.committed()) as copy, open_views(copy) as views:
        rows = (await views.fetch(f"SELECT scan_id, {', '.join(ADDED)} FROM baselines")).to_pylist()
    assert {row.pop("scan_id"): tuple(row.values()) for row in rows} == expected
