"""What a released version published stays readable, and takes scans of today's version and of later ones."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from scanner.core.column import Column
from scanner.core.tables import TABLES
from scanner.files.local import LocalFiles
from scanner.sinks.context import SinkContext
from scanner.sinks.registry import BUILT_INS, SinkRegistry
from scanner.sinks.spec import parse_spec
from scanner.sinks.testing.later_version import add_column, with_column
from scanner.sinks.testing.samples import awkward_scan
from tests.sinks.publishing import publish

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "130ce8a"
OLD, NEW = "20261125T174851Z-c4744b", "20261126T210000Z-0000aa"
SCAN = with_column(awkward_scan(NEW), "added_later", "new")


@pytest.fixture(autouse=True)
def _one_column_more(monkeypatch):
    add_column(monkeypatch, "nodes", Column("added_later", "A column that a later version has."))


async def send(spec, scan_id, scan=SCAN):
    await publish(SinkRegistry(BUILT_INS).build(parse_spec(spec), SinkContext(scan_id, LocalFiles, io.BytesIO())), scan)


def golden_rows(table):
    return len(golden_lines(table))


def golden_lines(table):
    file = GOLDEN / "jsonl" / f"{table}.jsonl"
    return file.read_text().splitlines() if file.exists() else []  # a table that came later


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "patchsweep.duckdb"
    file.write_bytes(gzip.decompress((GOLDEN / "patchsweep.duckdb.gz").read_bytes()))
    return file


async def test_a_duckdb_file_takes_a_scan_with_more_columns(database):
    await send(f"duckdb:{database}", NEW)
    with duckdb.connect(database) as opened:
        counts = {
            name: Counter(dict(opened.sql(f"SELECT scan_id, count(*) FROM {name} GROUP BY 1").fetchall()))
            for name in TABLES
        }
        added = opened.sql("SELECT DISTINCT scan_id, added_later FROM nodes ORDER BY 1").fetchall()
        sql = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/results.md").read_text(), re.DOTALL)
        assert [opened.sql(query).to_arrow_table() for query in sql if "scan_date" not in query]
    assert counts == {name: Counter({OLD: golden_rows(name), NEW: SCAN.tables[name].num_rows}) for name in TABLES}
    assert added == [(OLD, None), (NEW, "new")]


async def test_publishing_its_own_scan_again_replaces_it_in_a_duckdb_file(database):
    await send(f"duckdb:{database}", OLD, with_column(awkward_scan(OLD), "added_later", "new"))
    with duckdb.connect(database) as opened:
        assert opened.sql("SELECT DISTINCT scan_id, added_later FROM nodes").fetchall() == [(OLD, "new")]
        assert opened.sql("SELECT count(*) FROM patches").fetchall() == [(SCAN.tables["patches"].num_rows,)]


@pytest.fixture
def lake(tmp_path):
    return Path(shutil.copytree(GOLDEN / "parquet", tmp_path / "lake"))


def both_layouts(lake, table):
    keys = pa.schema([("scan_date", pa.string()), ("account_id", pa.string()), ("region", pa.string())])
    return ds.dataset(lake / table, TABLES[table], partitioning=ds.partitioning(keys, flavor="hive")).to_table()


async def test_a_folder_in_the_old_layout_takes_a_scan_and_pyarrow_reads_both(lake):
    await send(f"parquet:{lake}", NEW)
    for table in TABLES:
        rows = both_layouts(lake, table)
        assert Counter(rows["scan_id"].to_pylist()) == Counter(
            {OLD: golden_rows(table), NEW: SCAN.tables[table].num_rows}
        )
    golden = list(map(json.loads, golden_lines("patches")))
    patches = both_layouts(lake, "patches").filter(pa.compute.field("scan_id") == OLD)
    key = ("account_id", "region", "instance_id", "kb_id", "state")
    assert Counter(tuple(row[name] for name in key) for row in golden) == Counter(
        zip(*(patches[name].to_pylist() for name in key), strict=True)
    )
    nodes = both_layouts(lake, "nodes")
    assert set(zip(nodes["scan_id"].to_pylist(), nodes["added_later"].to_pylist(), strict=True)) == {
        (OLD, None), (NEW, "new")
    }  # fmt: skip


async def test_duckdb_reads_both_layouts_as_the_documentation_says(lake):
    await send(f"parquet:{lake}", NEW)
    page = (ROOT / "docs/sinks.md").read_text()
    (sql,) = re.findall(r"```text\n(SELECT .*?)```", page, re.DOTALL)
    relation = duckdb.sql(sql.replace("'tables/", f"'{lake}/"))
    rows = relation.to_arrow_table().to_pylist()
    assert Counter(row["scan_id"] for row in rows) == {
        OLD: golden_rows("patches"),
        NEW: SCAN.tables["patches"].num_rows,
    }
    assert {row["account_id"] for row in rows} >= {"000000000042", "111122223000"}
    assert all(row["region"] for row in rows)


async def test_publishing_a_scan_again_moves_it_out_of_the_old_layout_and_leaves_it_there_once(lake):
    scan = with_column(awkward_scan(OLD), "added_later", "new")
    await send(f"parquet:{lake}", OLD, scan)
    assert both_layouts(lake, "patches").num_rows == scan.tables["patches"].num_rows
    files = [path.relative_to(lake).as_posix() for path in lake.rglob("*.parquet")]
    assert len(files) == len(TABLES)
    assert all("/scan_date=2026-11-23/" in file for file in files)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
async def test_a_folder_of_text_files_holds_the_next_scan_alone(kind, tmp_path):
    shutil.copytree(GOLDEN / kind, tmp_path / kind)
    await send(f"{kind}:{tmp_path}/{kind}", NEW)
    assert b"added_later" in (tmp_path / kind / f"nodes.{kind}").read_bytes()
    assert OLD.encode() not in (tmp_path / kind / f"patches.{kind}").read_bytes()
