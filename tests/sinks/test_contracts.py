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
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.baselines import ApprovalRule, Baseline
from scanner.core.column import FLAG, TIME
from scanner.core.model import Target, TargetOutcome, TargetStatus
from scanner.core.safe_text import safe_cell
from scanner.core.tables import TABLES, summary_of, target_file_table
from scanner.files.local import LocalFiles
from scanner.sinks.context import SinkContext
from scanner.sinks.registry import BUILT_INS, SinkRegistry
from scanner.sinks.spec import parse_spec
from scanner.sinks.testing.contract import FIRST, SinkContract, StreamContract
from scanner.sinks.testing.samples import awkward_scan, empty_scan
from tests.sinks.publishing import as_stored

pytestmark = pytest.mark.slow

REGISTRY = SinkRegistry(BUILT_INS)
OUTCOME = TargetOutcome(Target("111122223333", "eu-west-3"), TargetStatus.SCANNED, None, 0, 0, 1, 0, 0, None, None)


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
        self.publish(tmp_path, structs.replace(scan, batches=[*map(as_stored, scan.batches)]))
        self.expect(tmp_path, scan)


FLAGS = st.none() | st.booleans()
BASELINES = st.lists(
    st.builds(
        Baseline,
        st.just("pb-1"),
        is_default=FLAGS,
        rules=st.lists(st.builds(ApprovalRule, enable_non_security=FLAGS), min_size=1, max_size=2).map(tuple),
        nodes=st.none() | st.integers(0, 2**40),
    ),
    max_size=12,
)


class KeepsFlags:
    def test_what_is_true_what_is_false_and_what_is_not_known_stay_apart(self, tmp_path):
        @settings(max_examples=10, deadline=None)
        @example([Baseline("pb-1", is_default=flag, rules=(ApprovalRule(),)) for flag in (True, False, None)])
        @given(BASELINES)
        def holds(baselines):
            empty = empty_scan(FIRST)
            held = target_file_table(FIRST, [structs.replace(OUTCOME, baselines=tuple(baselines))])
            scan = structs.replace(empty, summary=summary_of(empty.summary.scan, held))
            self.publish(tmp_path, scan)
            self.expect(tmp_path, scan)

        holds()


class TestJsonlStream(TakesStoredTexts, KeepsFlags, StreamContract):
    def make(self, place, scan_id):
        self.stdout = io.BytesIO()
        return build("jsonl:-", scan_id, self.stdout)

    def read(self, place):
        rows = [msgspec.json.decode(line) for line in self.stdout.getvalue().splitlines()]
        return {name: table(name, [row for row in rows if row["table"] == name]) for name in TABLES}


class TestJsonlFolder(TakesStoredTexts, KeepsFlags, SinkContract):
    keeps_history = False

    def make(self, place, scan_id):
        return build(f"jsonl:{place}/out", scan_id)

    def read(self, place):
        return {path.stem: self.typed(path) for path in (place / "out").glob("*.jsonl")}

    def typed(self, path):
        return table(path.stem, [msgspec.json.decode(line) for line in path.read_bytes().splitlines()])


class TestCsvFolder(TakesStoredTexts, KeepsFlags, SinkContract):
    keeps_history = False

    def make(self, place, scan_id):
        return build(f"csv:{place}/out", scan_id)

    def read(self, place):
        return {path.stem: self.typed(path) for path in (place / "out").glob("*.csv")}

    def typed(self, path):
        schema = TABLES[path.stem]
        never_null = [not field.nullable for field in schema]
        parse = {
            pa.int64(): int,
            FLAG: {"true": True, "false": False}.__getitem__,
            TIME: str,
            pa.string(): without_guard,
        }
        with path.open(newline="") as opened:
            rows = [
                {
                    name: text.split() if pa.types.is_list(kind) else parse[kind](text) if text or required else None
                    for (name, text), kind, required in zip(row.items(), schema.types, never_null, strict=True)
                }
                for row in csv.DictReader(opened)
            ]
        return table(path.stem, rows)


class TestParquetFolder(TakesStoredTexts, KeepsFlags, SinkContract):
    def make(self, place, scan_id):
        return build(f"parquet:{place}/out", scan_id)

    def read(self, place):
        folders = {name: place / "out" / name for name in TABLES}
        return {
            name: ds.dataset(folder, TABLES[name]).to_table() for name, folder in folders.items() if folder.is_dir()
        }


class TestDuckdbFile(TakesStoredTexts, KeepsFlags, SinkContract):
    def make(self, place, scan_id):
        return build(f"duckdb:{place}/patches.duckdb", scan_id)

    def read(self, place):
        file = place / "patches.duckdb"
        if not file.exists():
            return {}
        with duckdb.connect(file, read_only=True) as database:
            tables = {name: database.table(name).to_arrow_table() for name in TABLES}
        return {name: tables[name].cast(TABLES[name]) for name in TABLES}


class TestPostgresql(TakesStoredTexts, KeepsFlags, SinkContract):
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
