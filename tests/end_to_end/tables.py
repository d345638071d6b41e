"""Reads a scan back from wherever it was sent, always as the same typed rows, and holds them against the truth."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from scanner.core.column import FLAG, TIME
from scanner.core.model import NodeStatus, TargetStatus
from scanner.core.safe_text import safe_cell
from scanner.core.tables import TABLES
from scanner.simulator.running.expected import Truth
from scanner.simulator.running.expected_columns import TruePatch
from tests.end_to_end.commands import Terminal

Cell = str | int | None | tuple[str, ...]
#: The columns of `scanner.core.tables.TABLES` in their order; times in epoch milliseconds, lists as tuples.
Row = tuple[Cell, ...]
Tables = dict[str, list[Row]]
_decode_lines = msgspec.json.Decoder(dict[str, object]).decode_lines


def from_query(terminal: Terminal, *options: str, tables: Iterable[str] = TABLES) -> Tables:
    """What `patchsweep query` answers for each table."""
    return {name: _queried(terminal, name, options) for name in tables}


def _queried(terminal: Terminal, name: str, options: tuple[str, ...]) -> list[Row]:
    ended = terminal.run("query", f"FROM {name}", "--format", "json", *options)
    assert (ended.code, ended.stderr) == (0, "")
    return _from_objects(name, msgspec.json.decode(ended.stdout)["rows"])


def from_store(terminal: Terminal) -> Tables:
    """The newest scan as `patchsweep publish` sends it."""
    ended = terminal.run("publish", *STREAMED)
    assert ended.code == 0, ended.stderr
    return from_stream(ended.stdout.splitlines())


def from_jsonl(folder: Path) -> Tables:
    return {name: _from_objects(name, _decode_lines((folder / f"{name}.jsonl").read_bytes())) for name in TABLES}


STREAMED = ("--sink", "jsonl:-")


def from_stream(lines: Iterable[str]) -> Tables:
    """What `jsonl:-` wrote: every line names its table."""
    tables: dict[str, list[Mapping[str, object]]] = {name: [] for name in TABLES}
    for line in lines:
        row = msgspec.json.decode(line)
        tables[row.pop("table")].append(row)
    return {name: _from_objects(name, rows) for name, rows in tables.items()}


def from_csv(folder: Path) -> Tables:
    return {name: list(_csv_rows(name, folder / f"{name}.csv")) for name in TABLES}


def from_parquet(folder: Path) -> Tables:
    """Parquet files on a disk, every one of them."""
    return from_parquet_files({str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")})


def from_parquet_files(files: Mapping[str, bytes]) -> Tables:
    """The same from the files' names and contents."""
    tables: Tables = {name: [] for name in TABLES}
    for path, content in files.items():
        name = path.split("/")[0]
        tables[name] += _from_arrow(name, pq.read_table(pa.BufferReader(content)))
    return tables


def from_duckdb(file: Path) -> Tables:
    with closing(duckdb.connect(file, read_only=True)) as database:
        return {name: _from_arrow(name, database.sql(f"FROM {name}").to_arrow_table()) for name in TABLES}


def _from_arrow(name: str, table: pa.Table) -> list[Row]:
    columns = [table.column(field.name).cast(field.type) for field in TABLES[name]]
    return list(zip(*(_cells(column) for column in columns), strict=True))


def _cells(column: pa.ChunkedArray) -> list[Cell]:
    if column.type == TIME:
        return column.cast(pa.int64()).to_pylist()
    if pa.types.is_list(column.type):
        return [tuple(cell) for cell in column.to_pylist()]
    return column.to_pylist()


def _from_objects(name: str, rows: Iterable[Mapping[str, object]]) -> list[Row]:
    readers = [(field.name, _json_reader(field.type)) for field in TABLES[name]]
    return [tuple([None if row[key] is None else read(row[key]) for key, read in readers]) for row in rows]


def _json_reader(kind: pa.DataType) -> Callable[[object], Cell]:
    if kind == TIME:
        return _epoch_ms
    return tuple if pa.types.is_list(kind) else lambda value: value


def _csv_rows(name: str, file: Path) -> Iterator[Row]:
    readers = [_csv_reader(field.type) for field in TABLES[name]]
    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.reader(opened)
        assert next(rows) == TABLES[name].names
        for row in rows:
            yield tuple([read(cell) for read, cell in zip(readers, row, strict=True)])


def _csv_reader(kind: pa.DataType) -> Callable[[str], Cell]:
    if pa.types.is_list(kind):
        return lambda cell: tuple(cell.split())
    if kind == TIME:
        return lambda cell: _epoch_ms(cell) if cell else None
    if kind == pa.int64():
        return lambda cell: int(cell) if cell else None
    if kind == FLAG:
        return {"true": True, "false": False, "": None}.__getitem__
    return lambda cell: _plain(cell) or None


def _plain(cell: str) -> str:
    """The text as it was before it was made safe for spreadsheets."""
    return cell[1:] if cell.startswith("'") and safe_cell(cell[1:]) == cell else cell


_EPOCH_MS: dict[str, int] = {}


def _epoch_ms(text: object) -> int:
    # A node's patches were installed at a few moments: each is read once.
    assert isinstance(text, str)
    if text not in _EPOCH_MS:
        _EPOCH_MS[text] = round(datetime.fromisoformat(text).timestamp() * 1000)
    return _EPOCH_MS[text]


def assert_same_rows(got: Iterable[Row], expected: Iterable[Row]) -> None:
    """The same rows equally often, in any order; what differs is shown in part."""
    left, right = Counter(got), Counter(expected)
    if left != right:
        lost, extra = right - left, left - right
        raise AssertionError(
            f"{lost.total()} rows lost: {list(lost)[:3]}; {extra.total()} rows too many: {list(extra)[:3]}"
        )


def assert_right(tables: Tables, truth: Truth, *, statuses: Mapping[tuple[str, str, str], str] | None = None) -> None:
    """Patches, nodes and targets are what the world says, in every column that it decides, and of one scan.

    `statuses` are those of nodes where they are not the truth's own, as in delta mode.
    """
    (scan,) = tables["scans"]
    assert {row[0] for name in TABLES for row in tables[name]} == {scan[0]}
    # Behind the columns that the world decides come those that follow from the scans of the store.
    decided = len(TruePatch._fields)
    assert_same_rows((row[1 : 1 + decided] for row in tables["patches"]), truth.patches())
    assert_right_nodes(tables["nodes"], truth, statuses or {})
    assert_right_targets(tables["targets"], truth)


def assert_right_nodes(rows: Iterable[Row], truth: Truth, statuses: Mapping[tuple[str, str, str], str]) -> None:
    nodes = [columns_of("nodes", row) for row in rows]
    keys = [(node["account_id"], node["region"], node["instance_id"]) for node in nodes]
    assert sorted(keys) == sorted(truth.nodes)
    for key, node in zip(keys, nodes, strict=True):
        true = truth.nodes[key]
        assert node["status"] == statuses.get(key, true.status.value), node
        assert node["patch_rows"] == true.patch_rows, node
        assert {name: node[name] for name in true.columns} == true.columns, node
        assert bool(node["reason"]) or node["status"] not in _GAPS, node


_GAPS = {NodeStatus.MISMATCHED, NodeStatus.GONE, NodeStatus.DENIED, NodeStatus.FAILED}


def assert_right_targets(rows: Iterable[Row], truth: Truth) -> None:
    """An account that cannot be entered is one row for all of its Regions."""
    true = {
        (t.account_id, t.region): (t.account_name, t.status.value, t.nodes, t.patch_rows)
        for t in truth.targets.values()
    }
    found = {}
    for target in (columns_of("targets", row) for row in rows):
        regions = (
            [key[1] for key in true if key[0] == target["account_id"]]
            if target["region"] == "*"
            else [target["region"]]
        )
        for region in regions:
            key = (target["account_id"], region)
            assert key not in found
            found[key] = tuple(target[name] for name in ("account_name", "status", "nodes", "patch_rows"))
            assert target["reason"] or target["status"] == TargetStatus.SCANNED, target
    assert found == true


def columns_of(name: str, row: Row) -> dict[str, Cell]:
    return dict(zip(TABLES[name].names, row, strict=True))


def column(name: str, rows: Iterable[Row], wanted: str) -> list[Cell]:
    place = TABLES[name].names.index(wanted)
    return [row[place] for row in rows]
