"""The Parquet layout: readable by others, replaced as one, bounded in memory, and never outside its folders."""

from __future__ import annotations

import io
import json
from pathlib import Path

import anyio
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from anyio.lowlevel import checkpoint

from scanner.core.errors import ConfigError, SinkError
from scanner.core.interfaces import NodeBatch
from scanner.files.local import LocalFiles
from scanner.sinks.context import SinkContext
from scanner.sinks.parquet.partitions import Partition, PartitionBuffer, split
from scanner.sinks.parquet.sink import ParquetSink, parquet_sink
from scanner.sinks.testing.samples import awkward_scan, empty_scan, large_scan
from tests.sinks import publishing
from tests.sinks.memory_files import MemoryFiles

SCAN = awkward_scan("s1")


async def publish(files, scan, **settings):
    await publishing.publish(ParquetSink(files, scan.summary.scan.scan_id, **settings), scan)


async def test_files_lie_by_account_and_region_and_carry_the_scan_in_their_name():
    files = MemoryFiles()
    await publish(files, SCAN)
    assert sorted(files.content) == [
        "_published/s1.json",
        "nodes/account_id=000000000042/region=us-east-1/s1-00000.parquet",
        "nodes/account_id=111122223333/region=eu-west-3/s1-00000.parquet",
        "patches/account_id=000000000042/region=us-east-1/s1-00000.parquet",
        "patches/account_id=111122223333/region=eu-west-3/s1-00000.parquet",
        "scans/s1.parquet",
        "targets/s1.parquet",
    ]


async def test_what_the_folder_tells_does_not_stand_in_the_file_and_it_is_compressed():
    files = MemoryFiles()
    await publish(files, SCAN)
    name = "patches/account_id=000000000042/region=us-east-1/s1-00000.parquet"
    read = pq.ParquetFile(io.BytesIO(files.content[name]))
    assert not {"account_id", "region"} & set(read.schema_arrow.names)
    assert read.metadata.row_group(0).column(0).compression == "ZSTD"


async def test_duckdb_reads_the_layout_and_leading_zeros_survive(tmp_path):
    await publish(LocalFiles(tmp_path), SCAN)
    types = "{'account_id': VARCHAR, 'region': VARCHAR}"
    rows = duckdb.sql(
        f"SELECT account_id, region, count(*) FROM read_parquet('{tmp_path}/patches/**/*.parquet', "
        f"hive_partitioning = true, hive_types = {types}) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert rows == [("000000000042", "us-east-1", 1), ("111122223333", "eu-west-3", 8)]


async def test_a_scan_that_has_shrunk_leaves_no_file_of_its_former_self():
    files = MemoryFiles()
    await publish(files, awkward_scan("s2"))
    others = dict(files.content)
    await publish(files, SCAN)
    await publish(files, empty_scan("s1"))
    assert {name for name in files.content if "s1" in name} == {
        "_published/s1.json", "scans/s1.parquet", "targets/s1.parquet"
    }  # fmt: skip
    assert {name: data for name, data in files.content.items() if "s1" not in name} == others
    assert json.loads(files.content["_published/s1.json"]) == ["scans/s1.parquet", "targets/s1.parquet"]


@pytest.mark.parametrize("refused", ["patches/", "targets/", "scans/"])
async def test_a_commit_that_fails_half_way_takes_its_files_back(refused):
    files = MemoryFiles()
    files.refused = [refused]
    with pytest.raises(SinkError, match=f"cannot write {refused}"):
        await publish(files, SCAN)
    assert list(files.content) == ["_published/s1.json"]
    files.refused = []
    await publish(files, SCAN)
    assert len(files.content) == 7


async def test_the_mark_is_away_while_the_other_files_are_replaced():
    seen = []

    class Watched(MemoryFiles):
        async def put(self, name, data):
            seen.append((name.partition("/")[0], "scans/s1.parquet" in self.content))
            await super().put(name, data)

    files = Watched()
    await publish(files, SCAN)
    seen.clear()
    await publish(files, SCAN)
    assert {marked for folder, marked in seen if folder in {"nodes", "patches", "targets"}} == {False}
    assert seen[-1] == ("scans", False)


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
    sink = ParquetSink(MemoryFiles(), "s1", max_buffered_rows=1)
    await sink.write(SCAN.batches[0])
    (spool,) = tmp_path.iterdir()
    assert spool.stat().st_mode & 0o777 == 0o700
    await sink.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_more_rows_than_may_be_held_become_more_files_with_the_same_rows():
    files = MemoryFiles()
    await publish(files, SCAN, max_buffered_rows=1)
    names = [name for name in files.content if name.startswith("patches/account_id=111122223333")]
    assert [Path(name).name for name in sorted(names)] == ["s1-00000.parquet", "s1-00001.parquet"]
    rows = [row for name in sorted(names) for row in pq.read_table(io.BytesIO(files.content[name])).to_pylist()]
    wanted = SCAN.tables["patches"].to_pylist()
    assert [row["kb_id"] for row in rows] == [row["kb_id"] for row in wanted if row["account_id"] == "111122223333"]


def test_the_buffer_gives_up_its_largest_partitions_first():
    rows = large_scan("s1").batches[0].patches
    large, small = Partition("patches", "111122223333", "eu-west-3"), Partition("patches", "111122223333", "us-east-1")
    buffer = PartitionBuffer(max_rows=3000)
    buffer.add(small, rows.slice(0, 10))
    buffer.add(large, rows.slice(0, 2000))
    assert list(buffer.overflow()) == []
    buffer.add(large, rows.slice(2000, 2000))
    assert [(partition, table.num_rows) for partition, table in buffer.overflow()] == [(large, 4000)]
    assert [(partition, table.num_rows) for partition, table in buffer.rest()] == [(small, 10)]
    assert list(buffer.rest()) == []


@pytest.mark.parametrize(
    ("account_id", "region"),
    [("../../../etc", "us-east-1"), ("123", "us-east-1"), ("١٢٣٤٥٦٧٨٩٠١٢", "us-east-1"), ("111122223333", "../x"),
     ("111122223333", "us-east-1/.."), ("111122223333", ""), ("111122223333", "US-EAST-1")],
)  # fmt: skip
def test_nothing_but_an_account_and_a_region_can_name_a_folder(account_id, region):
    patches = SCAN.batches[0].patches.slice(0, 1)
    for name, value in (("account_id", account_id), ("region", region)):
        patches = patches.set_column(patches.schema.get_field_index(name), name, pa.array([value]))
    with pytest.raises(SinkError, match="cannot name a folder"):
        list(split("patches", patches))


def test_a_batch_is_split_without_losing_the_order_of_rows():
    tables = pa.concat_tables([SCAN.batches[1].patches, SCAN.batches[0].patches])
    parts = dict(split("patches", tables))
    assert {partition.account_id: table.num_rows for partition, table in parts.items()} == {
        "000000000042": 1, "111122223333": 8
    }  # fmt: skip
    paris = parts[Partition("patches", "111122223333", "eu-west-3")]
    wanted = [row["kb_id"] for row in tables.to_pylist() if row["account_id"] == "111122223333"]
    assert paris.column("kb_id").to_pylist() == wanted


async def test_a_batch_without_patches_is_no_trouble():
    files = MemoryFiles()
    sink = ParquetSink(files, "s1")
    await sink.write(NodeBatch(SCAN.batches[0].nodes, SCAN.batches[0].patches.slice(0, 0)))
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
