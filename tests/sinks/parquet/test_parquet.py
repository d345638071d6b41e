"""The Parquet layout: readable by others, replaced as one, bounded in memory, and never outside its folders."""

from __future__ import annotations

import io
import json
import os
from itertools import count
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.errors import ConfigError, SinkError
from scanner.core.tables import TABLES
from scanner.files.local import LocalFiles
from scanner.sinks.context import SinkContext
from scanner.sinks.parquet.part_files import write_parts
from scanner.sinks.parquet.sink import ParquetSink, parquet_sink
from scanner.sinks.parquet.sorted_rows import SortedRows
from scanner.sinks.parquet.sorted_runs import RunForm
from scanner.sinks.testing.samples import awkward_scan, empty_scan, large_scan
from tests.sinks import publishing
from tests.sinks.memory_files import MemoryFiles
from tests.sinks.publishing import as_stored

SCAN = awkward_scan("s1")
MARKER = "scans/scan_date=2026-11-23/s1-00000.parquet"
LAST = [
    "baselines/scan_date=2026-11-23/s1-00000.parquet",
    MARKER,
    "targets/scan_date=2026-11-23/s1-00000.parquet",
]


async def publish(files, scan, **settings):
    await publishing.publish(ParquetSink(files, scan.summary.scan.scan_id, **settings), scan)


async def test_files_lie_by_the_day_of_the_scan_and_carry_its_id_in_their_name():
    files = MemoryFiles()
    await publish(files, SCAN)
    assert sorted(files.content) == [
        "_published/s1.json",
        *(f"{name}/scan_date=2026-11-23/s1-00000.parquet" for name in sorted(TABLES)),
    ]


async def test_account_and_region_stand_in_the_file_as_text_and_it_is_compressed():
    files = MemoryFiles()
    await publish(files, SCAN)
    read = pq.ParquetFile(io.BytesIO(files.content["patches/scan_date=2026-11-23/s1-00000.parquet"]))
    assert read.schema_arrow.equals(TABLES["patches"])
    assert set(read.read(["account_id"]).column(0).to_pylist()) == {"000000000042", "111122223333"}
    assert read.metadata.row_group(0).column(0).compression == "ZSTD"


async def test_rows_are_sorted_by_account_region_and_node_and_those_of_a_node_keep_their_order():
    files = MemoryFiles()
    await publish(files, SCAN)
    wanted = sorted(SCAN.tables["patches"].to_pylist(), key=itemgetter("account_id", "region", "instance_id"))
    assert rows_of(files, "patches") == wanted


async def test_rows_that_do_not_fit_in_memory_are_sorted_too():
    in_memory, spilled = MemoryFiles(), MemoryFiles()
    await publish(in_memory, SCAN)
    await publish(spilled, SCAN, max_rows_held=1)
    for name in ("patches", "nodes"):
        assert rows_of(spilled, name) == rows_of(in_memory, name)


def test_parts_are_numbered_and_hold_every_row_once(tmp_path):
    rows = large_scan("s1").batches[0].patches
    paths = (tmp_path / f"{number}.parquet" for number in count())
    tables = [rows.slice(at, 1_000) for at in range(0, 10_000, 1_000)]
    size = write_one(tmp_path, tables[0])

    parts = list(write_parts(tables, paths, max_bytes=size * 2))

    assert [path.name for path in parts] == [f"{number}.parquet" for number in range(len(parts))]
    assert 3 <= len(parts) <= 5
    assert pa.concat_tables(map(pq.read_table, parts)).equals(rows)


def write_one(folder, table):
    (path,) = write_parts([table], iter([folder / "one.parquet"]), max_bytes=2**30)
    return path.stat().st_size


@pytest.mark.slow
async def test_a_scan_of_many_targets_has_one_file_a_table_while_that_is_not_full():
    files = MemoryFiles()
    scan = structs.replace(SCAN, batches=[many_targets(batch) for batch in range(4)])
    await publish(files, structs.replace(scan, batches=[*map(as_stored, scan.batches)]), max_rows_held=200)
    assert sorted(files.content) == [
        "_published/s1.json",
        *(f"{name}/scan_date=2026-11-23/s1-00000.parquet" for name in sorted(TABLES)),
    ]
    wanted = sorted(scan.tables["patches"].to_pylist(), key=itemgetter("account_id", "region", "instance_id"))
    assert len(wanted) == 1_200
    assert rows_of(files, "patches") == wanted


def many_targets(batch):
    """300 nodes, each of another account and Region, with one patch."""
    (row,) = SCAN.batches[0].patches.slice(0, 1).to_pylist()
    rows = [
        {**row, "account_id": f"{node:012d}", "region": f"r-{node % 7}", "instance_id": f"i-{batch}"}
        for node in range(300)
    ]
    return structs.replace(SCAN.batches[0], patches=pa.Table.from_pylist(rows, TABLES["patches"]))


TEXTS = st.sampled_from(["same", "other", "third", "", None])
NODES = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from("xy"), st.integers(0, 9), st.lists(TEXTS, max_size=4))
)


@pytest.mark.slow
@given(
    NODES, st.integers(1, 7), st.integers(1, 30), st.integers(1, 4), st.integers(1, 9), st.sampled_from([0, 20, 9999])
)
def test_any_rows_come_back_sorted_and_complete_as_a_whole_and_by_ranges(
    nodes, nodes_a_batch, rows_held, most_ranges, rows_merged, max_bytes_shared
):
    schema = pa.schema(
        [(name, pa.string()) for name in ("account_id", "region", "instance_id", "text")] + [("n", pa.int64())]
    )
    numbers = count()
    rows = [
        dict(zip(schema.names, (account, region, f"i-{node}", text, next(numbers)), strict=True))
        for account, region, node, texts in nodes
        for text in texts
    ]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        form = RunForm(rows_at_once=rows_merged, compression="lz4")
        patch.setattr("scanner.sinks.parquet.sorted_rows._SMALL", form)
        patch.setattr("scanner.sinks.parquet.sorted_rows._FAST", structs.replace(form, compression=None))
        patch.setattr("scanner.sinks.parquet.sorted_rows._FAST_RUNS", 2)
        patch.setattr("scanner.sinks.parquet.sorted_rows._MAX_BYTES_SHARED", max_bytes_shared)
        sorted_rows = SortedRows(Path(folder) / "rows.arrow", rows_held)
        for start in range(0, len(rows), nodes_a_batch):
            sorted_rows.add(pa.Table.from_pylist(rows[start : start + nodes_a_batch], schema))
        tables = list(sorted_rows.read(5))
        again = [row for table in tables for row in table.to_pylist()]
        ranges = sorted_rows.ranges(most_ranges, 3)
        by_range = [row for keys in ranges for table in sorted_rows.read(5, keys) for row in table.to_pylist()]

    for text in (chunk for table in tables for chunk in table["text"].chunks):
        assert len({*text.dictionary.to_pylist()}) == len(text.dictionary) <= len(text)
    assert again == by_range == sorted(rows, key=itemgetter("account_id", "region", "instance_id"))
    assert 1 <= len(ranges) <= most_ranges


async def test_rows_that_several_threads_add_are_all_there_and_lie_in_files_side_by_side(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    scans = [*awkward_scan("s1").batches, *large_scan("s1").batches]
    sink = ParquetSink(files := MemoryFiles(), "s1", max_rows_held=1, rows_a_file=1)
    async with anyio.create_task_group() as writers:
        for batch in scans:
            writers.start_soon(sink.write, batch)
    await sink.commit(SCAN.summary)
    await sink.aclose()

    names = sorted(name for name in files.content if name.startswith("patches/"))
    tables = [pq.read_table(io.BytesIO(files.content[name])) for name in names]
    keys = [
        tuple(row.values())
        for table in tables
        for row in table.select(["account_id", "region", "instance_id"]).to_pylist()
    ]
    assert len(names) > 1
    assert keys == sorted(keys)
    assert len(keys) == sum(len(batch.patches) for batch in scans)


def rows_of(files, table):
    names = sorted(name for name in files.content if name.startswith(f"{table}/"))
    return [row for name in names for row in pq.read_table(io.BytesIO(files.content[name])).to_pylist()]


async def test_a_scan_that_has_shrunk_leaves_no_file_of_its_former_self():
    files = MemoryFiles()
    await publish(files, awkward_scan("s2"))
    others = dict(files.content)
    await publish(files, SCAN)
    await publish(files, empty_scan("s1"))
    assert {name for name in files.content if "s1" in name} == {
        "_published/s1.json", *LAST
    }  # fmt: skip
    assert {name: data for name, data in files.content.items() if "s1" not in name} == others
    assert json.loads(files.content["_published/s1.json"]) == LAST


@pytest.mark.parametrize("refused", ["patches/", "targets/", "scans/"])
async def test_a_commit_that_fails_half_way_takes_its_files_back(refused):
    files = MemoryFiles()
    files.refused = [refused]
    with pytest.raises(SinkError, match=f"cannot write {refused}"):
        await publish(files, SCAN)
    assert list(files.content) == ["_published/s1.json"]
    files.refused = []
    await publish(files, SCAN)
    assert len(files.content) == 1 + len(TABLES)


async def test_the_mark_is_away_while_the_other_files_are_replaced():
    seen = []

    class Watched(MemoryFiles):
        async def put(self, name, data):
            seen.append((name.partition("/")[0], MARKER in self.content))
            await super().put(name, data)

    files = Watched()
    await publish(files, SCAN)
    seen.clear()
    await publish(files, SCAN)
    assert {marked for folder, marked in seen if folder in {"nodes", "patches", "targets"}} == {False}
    assert seen[-1] == ("scans", False)


async def test_files_are_put_side_by_side_and_the_mark_alone_after_them():
    waiting, two_wait = [], anyio.Event()

    class Meeting(MemoryFiles):
        async def put(self, name, data):
            if name.endswith(".parquet") and name != MARKER:
                waiting.append(name)
                if len(waiting) == 2:
                    two_wait.set()
                with anyio.fail_after(60):
                    await two_wait.wait()
            await super().put(name, data)

    files = Meeting()
    await publish(files, SCAN)
    assert list(files.content)[-1] == MARKER
    assert len(waiting) == len(TABLES) - 1


async def test_a_commit_that_is_cancelled_takes_its_files_back():
    class Stuck(MemoryFiles):
        async def put(self, name, data):
            if name.startswith("targets/"):
                scope.cancel()
            await checkpoint()
            await super().put(name, data)

    files = Stuck()
    sink = ParquetSink(files, "s1")
    await sink.write(SCAN.batches[0])
    with anyio.CancelScope() as scope:
        await sink.commit(SCAN.summary)
    assert scope.cancelled_caught
    await sink.aclose()
    assert set(files.content) <= {"_published/s1.json"}


async def test_no_temporary_file_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sink = ParquetSink(MemoryFiles(), "s1", max_rows_held=1)
    await sink.write(SCAN.batches[0])
    (spool,) = tmp_path.iterdir()
    assert spool.stat().st_mode & 0o777 == 0o700
    await sink.aclose()
    assert list(tmp_path.iterdir()) == []


OLD_LAYOUT = [
    "nodes/account_id=111122223333/region=eu-west-3/s1-00000.parquet",
    "patches/account_id=111122223333/region=eu-west-3/s1-00000.parquet",
    "targets/s1.parquet",
    "scans/s1.parquet",
]


async def test_a_scan_in_the_layout_of_an_earlier_version_is_replaced_by_publishing_it():
    files = MemoryFiles()
    files.content = {"_published/s1.json": json.dumps(OLD_LAYOUT).encode(), **dict.fromkeys(OLD_LAYOUT, b"")}
    await publish(files, SCAN)
    expected = MemoryFiles()
    await publish(expected, SCAN)
    assert files.content == expected.content


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b'{"a": 1}',
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        b'["../../etc/passwd"]',
        b'["scans/s2.parquet"]',
        b'["s1.parquet"]',
    ],
    ids=lambda record: repr(record[:20]),
)
async def test_a_damaged_record_of_a_publication_is_one_sentence_and_nothing_is_removed(record):
    files = MemoryFiles()
    files.content = {"_published/s1.json": record, "scans/s2.parquet": b""}
    before = dict(files.content)
    with pytest.raises(SinkError, match=r"_published/s1.json in memory is damaged.*publish the scan again"):
        await publish(files, SCAN)
    assert files.content == before


@pytest.mark.parametrize("scan_id", ["../s1", "a/b", "", ".s1"])
def test_a_scan_id_that_could_lead_out_of_the_folder_is_refused(scan_id):
    with pytest.raises(ConfigError, match="cannot be a part of a file's name"):
        ParquetSink(MemoryFiles(), scan_id)


async def test_a_batch_without_patches_is_no_trouble():
    files = MemoryFiles()
    sink = ParquetSink(files, "s1")
    await sink.write(structs.replace(SCAN.batches[0], patches=SCAN.batches[0].patches.slice(0, 0)))
    await sink.commit(SCAN.summary)
    await sink.aclose()
    assert [name for name in files.content if name.startswith("patches")] == []
    assert len([name for name in files.content if name.startswith("nodes")]) == 1


@pytest.mark.parametrize("where", ["gs://bucket/x", "s3://", "s3://Bucket/x", "s3://b"])
def test_an_address_that_is_no_bucket_is_refused_before_the_scan(where):
    with pytest.raises(ConfigError, match="needs a folder or s3://bucket/prefix"):
        parquet_sink(where, SinkContext("s1", pytest.fail, io.BytesIO()))


def test_a_folder_that_cannot_be_made_is_refused_before_the_scan(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"the sink parquet:.* needs a folder and .*/file is a file"):
        parquet_sink(f"{tmp_path}/file/out", SinkContext("s1", pytest.fail, io.BytesIO()))


async def test_a_bucket_is_opened_through_the_context():
    opened = []
    files = MemoryFiles()
    context = SinkContext("s1", lambda url: opened.append(url) or files, io.BytesIO())
    await parquet_sink("s3://bucket/prefix", context).aclose()
    assert opened == ["s3://bucket/prefix"]


async def test_a_place_can_be_tried_and_is_left_as_it_was(tmp_path):
    sink = ParquetSink(LocalFiles(tmp_path / "lake"), "s1")
    await sink.probe()
    await sink.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_place_that_cannot_be_written_says_so_when_it_is_tried(tmp_path):
    (tmp_path / "lake").write_bytes(b"")
    sink = ParquetSink(LocalFiles(tmp_path / "lake"), "s1")
    with pytest.raises(SinkError, match="lake"):
        await sink.probe()
    await sink.aclose()
