"""Account ids keep their leading zeros in every program that reads what the sinks write."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import anyio
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.json
import pytest
from msgspec import structs

from scanner.files.local import LocalFiles
from scanner.sinks.context import SinkContext
from scanner.sinks.parquet.sink import ParquetSink
from scanner.sinks.registry import BUILT_INS, SinkRegistry
from scanner.sinks.spec import parse_spec
from scanner.sinks.testing.samples import SampleScan, awkward_scan
from tests.sinks.publishing import publish

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

SCAN = awkward_scan("s1")
ACCOUNTS = SCAN.tables["patches"]["account_id"].to_pylist()
TEXT = {"account_id": "str"}

# Each reads the `patches` of a folder that the sinks wrote, as docs/sinks.md says.
READERS: dict[str, Callable[[Path], list[str]]] = {
    "pandas, CSV": lambda at: list(pd.read_csv(at / "csv/patches.csv", dtype=TEXT)["account_id"]),
    "pandas, CSV for Excel": lambda at: list(pd.read_csv(at / "excel/patches.csv", dtype=TEXT)["account_id"]),
    "pandas, JSON Lines": lambda at: list(
        pd.read_json(at / "jsonl/patches.jsonl", lines=True, dtype=TEXT)["account_id"]
    ),
    "pandas, Parquet": lambda at: list(pd.read_parquet(at / "parquet/patches")["account_id"]),
    "polars, CSV": lambda at: pl.read_csv(at / "csv/patches.csv", schema_overrides={"account_id": pl.String})[
        "account_id"
    ].to_list(),
    "polars, JSON Lines": lambda at: pl.read_ndjson(at / "jsonl/patches.jsonl")["account_id"].to_list(),
    "polars, Parquet": lambda at: pl.read_parquet(at / "parquet/patches/**/*.parquet")["account_id"].to_list(),
    "polars, Parquet by day": lambda at: pl.read_parquet(at / "parquet/patches", hive_partitioning=True)[
        "account_id"
    ].to_list(),
    "DuckDB, CSV": lambda at: asked(f"read_csv('{at}/csv/patches.csv', types = {{'account_id': 'VARCHAR'}})"),
    "DuckDB, JSON Lines": lambda at: asked(f"read_json('{at}/jsonl/patches.jsonl')"),
    "DuckDB, Parquet": lambda at: asked(f"read_parquet('{at}/parquet/patches/**/*.parquet')"),
    "DuckDB, Parquet by day": lambda at: asked(
        f"read_parquet('{at}/parquet/patches/*/*.parquet', hive_partitioning = true, union_by_name = true)"
    ),
    "DuckDB, its own file": lambda at: asked("patches", at / "p.duckdb"),
    "pyarrow, CSV": lambda at: pyarrow.csv.read_csv(
        at / "csv/patches.csv", convert_options=pyarrow.csv.ConvertOptions(column_types={"account_id": pa.string()})
    )["account_id"].to_pylist(),
    "pyarrow, JSON Lines": lambda at: pyarrow.json.read_json(at / "jsonl/patches.jsonl")["account_id"].to_pylist(),
    "pyarrow, Parquet": lambda at: (
        pyarrow.dataset.dataset(at / "parquet/patches", partitioning="hive").to_table()["account_id"].to_pylist()
    ),
}


def asked(source: str, file: Path | str = ":memory:") -> list[str]:
    with duckdb.connect(file) as database:
        return [account for (account,) in database.sql(f"SELECT account_id FROM {source}").fetchall()]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    places = ("csv:{}/csv", "csv:{}/excel?bom=true", "jsonl:{}/jsonl", "parquet:{}/parquet", "duckdb:{}/p.duckdb")
    for place in places:
        context = SinkContext("s1", LocalFiles, io.BytesIO())
        anyio.run(publish, SinkRegistry(BUILT_INS).build(parse_spec(place.format(folder)), context), SCAN)
    return folder


@pytest.mark.parametrize("reader", READERS)
def test_account_ids_keep_their_leading_zeros_in(reader, published):
    assert sorted(READERS[reader](published)) == sorted(ACCOUNTS)
    assert any(account.startswith("0") for account in ACCOUNTS)


def on_day(scan_id: str, days_later: int) -> SampleScan:
    scan = awkward_scan(scan_id)
    row = structs.replace(scan.summary.scan, started_at=scan.summary.scan.started_at + days_later * 86_400_000)
    return structs.replace(scan, summary=structs.replace(scan.summary, scan=row))


async def test_the_newest_scan_is_read_from_the_files_of_its_day_alone(tmp_path):
    (sql,) = re.findall(r"```sql\n(WITH newest.*?)```", (ROOT / "docs/results.md").read_text(), re.DOTALL)
    for days_later, scan_id in enumerate(("s1", "s2", "s3")):
        await publish(ParquetSink(LocalFiles(tmp_path), scan_id), on_day(scan_id, days_later))
    (tmp_path / "patches/scan_date=2026-11-24/s2-00000.parquet").write_bytes(b"PAR1 damaged PAR1")
    with duckdb.connect() as database:
        for table in ("patches", "scans"):
            files = f"read_parquet('{tmp_path}/{table}/*/*.parquet', hive_types_autocast = false)"
            database.execute(f"CREATE VIEW {table} AS FROM {files}")
        assert database.sql(sql.replace("current_date", "DATE '2026-11-26'")).fetchall() == [("111122223333", 2)]
        with pytest.raises(duckdb.Error, match="s2-00000"):
            database.sql("SELECT count(title) FROM patches").fetchall()
