"""The store that commit 130ce8a wrote stays readable."""

from __future__ import annotations

import pytest

from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.store.golden_store import COMMITTED, COMPLETE, DELTA, UNFINISHED, golden_copy


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

    assert (await store.header(COMPLETE)).mode == "full"
    assert (await store.header(DELTA)).mode == "delta"
