"""The contract, held against every built-in sink."""

from __future__ import annotations

import csv
import io
from datetime import datetime

import duckdb
import msgspec
import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from scanner.core.column import TIME
from scanner.core.safe_text import safe_cell
from scanner.core.tables import TABLES
from scanner.files.local import LocalFiles
from scanner.sinks.context import SinkContext
from scanner.sinks.registry import BUILT_INS, SinkRegistry
from scanner.sinks.spec import parse_spec
from scanner.sinks.testing.contract import FIRST, SinkContract, StreamContract
from scanner.sinks.testing.samples import awkward_scan
from tests.sinks.publishing import as_stored

pytestmark = pytest.mark.slow

REGISTRY = SinkRegistry(BUILT_INS)


def build(spec, scan_id, stdout=None):
    return REGISTRY.build(parse_spec(spec), SinkContext(scan_id, LocalFiles, stdout or io.BytesIO()))


def column(values, kind):
    if kind == TIME:
        values = [value and datetime.fromisoformat(value) for value in values]
    return pa.array(values, kind)


def table(name, rows):
    """Rows as JSON has them, as Arrow."""
    schema = TABLES[name]
    return pa.table([column([row[field.name] for row in rows], field.type) for field in schema], schema=schema)


def without_guard(cell):
    """The text as it was before it was made safe for spreadsheets."""
    return cell[1:] if cell.startswith("'") and safe_cell(cell[1:]) == cell else cell


class TakesStoredTexts:
    def test_texts_that_come_as_dictionaries_are_there_as_texts(self, tmp_path):
        scan = awkward_scan(FIRST)
        self.publish(tmp_path, msgspec.structs.replace(scan, batches=[*map(as_stored, scan.batches)]))
        self.expect(tmp_path, scan)


class TestJsonlStream(TakesStoredTexts, StreamContract):
    def make(self, place, scan_id):
        self.stdout = io.BytesIO()
        return build("jsonl:-", scan_id, self.stdout)

    def read(self, place):
        rows = [msgspec.json.decode(line) for line in self.stdout.getvalue().splitlines()]
        return {name: table(name, [row for row in rows if row["table"] == name]) for name in TABLES}


class TestJsonlFolder(TakesStoredTexts, SinkContract):
    keeps_history = False

    def make(self, place, scan_id):
        return build(f"jsonl:{place}/out", scan_id)

    def read(self, place):
        return {path.stem: self.typed(path) for path in (place / "out").glob("*.jsonl")}

    def typed(self, path):
        return table(path.stem, [msgspec.json.decode(line) for line in path.read_bytes().splitlines()])


class TestCsvFolder(TakesStoredTexts, SinkContract):
    keeps_history = False

    def make(self, place, scan_id):
        return build(f"csv:{place}/out", scan_id)

    def read(self, place):
        return {path.stem: self.typed(path) for path in (place / "out").glob("*.csv")}

    def typed(self, path):
        schema = TABLES[path.stem]
        never_null = [not field.nullable for field in schema]
        parse = {pa.int64(): int, TIME: str, pa.string(): without_guard}
        with path.open(newline="") as opened:
            rows = [
                {
                    name: text.split() if pa.types.is_list(kind) else parse[kind](text) if text or required else None
                    for (name, text), kind, required in zip(row.items(), schema.types, never_null, strict=True)
                }
                for row in csv.DictReader(opened)
            ]
        return table(path.stem, rows)


class TestParquetFolder(TakesStoredTexts, SinkContract):
    def make(self, place, scan_id):
        return build(f"parquet:{place}/out", scan_id)

    def read(self, place):
        folders = {name: place / "out" / name for name in TABLES}
        return {
            name: ds.dataset(folder, TABLES[name]).to_table() for name, folder in folders.items() if folder.is_dir()
        }


class TestDuckdbFile(TakesStoredTexts, SinkContract):
    def make(self, place, scan_id):
        return build(f"duckdb:{place}/patches.duckdb", scan_id)

    def read(self, place):
        file = place / "patches.duckdb"
        if not file.exists():
            return {}
        with duckdb.connect(file, read_only=True) as database:
            tables = {name: database.table(name).to_arrow_table() for name in TABLES}
        return {name: tables[name].cast(TABLES[name]) for name in TABLES}


class TestPostgresql(TakesStoredTexts, SinkContract):
    @pytest.fixture(autouse=True)
    def _database(self, database):
        self.url = database

    def make(self, place, scan_id):
        return build(self.url, scan_id)

    def read(self, place):
        with psycopg.connect(self.url) as connection:
            there = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return {name: postgresql_table(connection, name) for (name,) in there}


def postgresql_table(connection, name):
    names = TABLES[name].names
    rows = connection.execute(f"SELECT {', '.join(names)} FROM {name}").fetchall()
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], TABLES[name])
