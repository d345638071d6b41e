"""The store that commit 130ce8a wrote stays readable."""

from __future__ import annotations

import json
from datetime import datetime

import msgspec
import pytest

from scanner.core.model import ManagedNode, NodeScan, NodeStatus, PatchState, Target
from scanner.core.patch_rows import NO_PATCHES
from scanner.core.scan_request import PatchFilters
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.history import HistoryQuery
from scanner.store.json_files import to_json
from scanner.store.store import Store
from tests.store.golden_store import COMMITTED, COMPLETE, DELTA, UNFINISHED, golden_copy
from tests.store.test_history import carried

pytestmark = pytest.mark.slow


@pytest.fixture
def golden(tmp_path):
    return golden_copy(tmp_path / "golden")


async def test_every_scan_is_listed_and_unharmed(golden):
    store = Store(LocalFiles(golden.folder))

    assert await store.committed() == list(COMMITTED)
    assert await store.unfinished() == [UNFINISHED]
    assert [await store.verify(scan_id) for scan_id in COMMITTED] == [[], [], []]
    assert await store.verify_latest() == []


@pytest.mark.parametrize("scan_id", COMMITTED)
async def test_a_replayed_scan_has_the_rows_that_the_version_which_wrote_it_read(golden, scan_id):
    store = Store(LocalFiles(golden.folder))
    patches, nodes = [], []
    async for batch in store.replay(scan_id):
        patches += batch.patches.to_pylist()
        nodes += batch.nodes.to_pylist()

    for table, rows in {"patches": patches, "nodes": nodes}.items():
        expected = [row for row in golden.expected[table] if row["scan_id"] == scan_id]
        assert len(rows) == len(expected)
        keys = ("account_id", "region", "instance_id", "kb_id", "title", "state", "cve_ids", "status", "reason")
        assert sorted(str([row.get(key) for key in keys]) for row in rows) == sorted(
            str([row.get(key) for key in keys]) for row in expected
        )


async def test_the_header_tells_what_was_asked(golden):
    store = Store(LocalFiles(golden.folder))

    request = (await store.header(UNFINISHED)).request
    assert (await store.header(DELTA)).request.mode == "delta"
    assert (request.mode, request.scope.accounts, request.scope.regions) == ("full", ("organization",), ("enabled",))
    assert (request.scope.role_name, request.scope.has_external_id) == ("patchsweep-reader", True)
    assert request.sinks == ("jsonl:/tmp/golden/store/unfinished-sink",)


async def test_a_header_with_settings_that_no_version_knows_any_more_is_read(golden):
    """As the golden header would look, had its version had other settings than this one."""
    path = golden.folder / "scans" / UNFINISHED / "scan.json"
    begun = json.loads(path.read_text())
    del begun["sha256"]
    begun["settings"]["limits"]["speed"] = begun["settings"]["limits"].pop("rate_per_s")
    begun["settings"]["patches"]["page_length"] = begun["settings"]["patches"].pop("page_size")
    begun["settings"]["surprise"] = {"at": "all"}
    renamed = to_json(msgspec.convert(begun, msgspec.defstruct("Any", [(name, object) for name in begun])))
    path.write_bytes(renamed)

    request = (await Store(LocalFiles(golden.folder)).header(UNFINISHED)).request

    assert request.scope.accounts == ("organization",)


async def test_a_delta_scan_finds_its_nodes_unchanged_and_carries_their_rows_over(golden):
    rows = [row for row in golden.expected["nodes"] if row["scan_id"] == COMPLETE and row["status"] == "verified"]
    targets = {(row["account_id"], row["region"]) for row in rows}
    history = await Store(LocalFiles(golden.folder)).history(HistoryQuery(targets, PatchFilters(), since=0))
    scans = []
    for row in rows:
        target, state = Target(row["account_id"], row["region"]), PatchState(**_state(row))
        assert history.is_unchanged(target, state)
        node = ManagedNode(row["instance_id"])
        scans.append(NodeScan(target, node, state, NodeStatus.UNCHANGED, None, NO_PATCHES, 0, 0, 0))

    tables = await carried(history, segment_table("s", scans))

    assert history.damaged == []
    assert sum(len(table) for table in tables) == len(rows)
    assert sum(sum(table.column("patch_rows").to_pylist()) for table in tables) == 92


async def test_a_lean_scan_carries_what_is_installed_over_from_it_with_its_date(golden):
    rows = [row for row in golden.expected["nodes"] if row["scan_id"] == COMPLETE and row["status"] == "verified"]
    targets = {(row["account_id"], row["region"]) for row in rows}
    query = HistoryQuery(targets, PatchFilters(not_applicable=False), since=0, is_lean=True)
    history = await Store(LocalFiles(golden.folder)).history(query)

    assert history.damaged == []
    for row in rows:
        reading = history.reading(Target(row["account_id"], row["region"]), row["instance_id"])
        assert reading.as_of == _state(row)["operation_end_time"]


def _state(row):
    known = {name: row[name] for name in PatchState.__struct_fields__ if name in row}
    for name in ("operation_start_time", "operation_end_time"):
        known[name] = known[name] and round(datetime.fromisoformat(known[name]).timestamp() * 1000)
    return known
