"""The tables of numbered patches hold the very rows of the files, and one number for each node and patch."""

from __future__ import annotations

import pytest

from scanner.core.coded_rows import NODE, coded, coded_rows
from scanner.core.errors import StoreError
from scanner.core.relevant_rows import TABLES
from scanner.core.tables import PATCHES
from scanner.files.local import LocalFiles
from scanner.reports.sql import chosen_rows
from scanner.reports.sql.names import names_in
from scanner.reports.sql.numbered import ALL_NAMES
from scanner.reports.sql.query import open_views
from scanner.store.store import Store
from tests.reports.open_store import views_of
from tests.reports.sql.relevant import machines, relevant
from tests.store.memory_files import MemoryFiles
from tests.store.samples import STARTED_MS, commit, commit_manifest, node

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(3))
async def test_they_are_the_rows_of_the_files(seed, tmp_path, monkeypatch):
    monkeypatch.setattr(chosen_rows, "_FILES_A_PIECE", 2)
    segments = [machines(seed * 10 + first, range(first, first + 4)) for first in (0, 4, 8, 12, 16)]
    for files in (LocalFiles(tmp_path), MemoryFiles()):
        scan_id = await commit(Store(files), segments)
        async with views_of(Store(files), [scan_id]) as views:
            numbered, queried = await relevant(views)
            (counts,) = (await views.fetch(COUNTS)).to_pylist()

        assert numbered == queried
        assert len(numbered) > 20
        assert counts["nodes"] == counts["keys"]
        assert counts["patches"] == counts["kinds"]
        assert counts["kbs"] == counts["kb_ids"]


COUNTS = """
SELECT (SELECT count(*) FROM relevant_nodes) AS nodes,
  (SELECT count(DISTINCT (account_id, region, instance_id)) FROM relevant_nodes) AS keys,
  (SELECT count(*) FROM relevant_patches) AS patches,
  (SELECT count(*) FROM (SELECT DISTINCT * EXCLUDE (patch) FROM relevant_patches)) AS kinds,
  (SELECT count(DISTINCT kb) FROM relevant_patches) AS kbs,
  (SELECT count(DISTINCT kb_id) FROM relevant_patches) AS kb_ids
"""


async def test_a_scan_that_lacks_nothing_has_none(tmp_path):
    store = Store(LocalFiles(tmp_path))
    scan_id = await commit(store, [[node(1, patches=1)]])
    async with views_of(store, [scan_id]) as views:
        assert await relevant(views) == ([], [])


async def test_a_file_that_cannot_be_read_any_more_is_an_error(tmp_path):
    store = Store(LocalFiles(tmp_path))
    manifest = await commit_manifest(store, [[node(1)]])
    for tables, entry in ((None, manifest.segments[0].patches), (TABLES, manifest.relevant.rows)):
        async with store.local_copy([manifest.scan.scan_id], tables) as files, open_views(files) as views:
            (tmp_path / entry.name).write_bytes(b"PAR1")
            with pytest.raises(StoreError, match="the store cannot be queried"):
                await views.number_patches()


async def test_the_names_in_scans_are_those_of_their_rows(tmp_path):
    store = Store(LocalFiles(tmp_path))
    ids = [await commit(store, [machines(seed, range(6))], STARTED_MS + seed * 60_000) for seed in range(3)]
    async with store.local_copy(ids) as files:
        names = (await names_in(files)).to_pylist()
    async with views_of(store, ids) as views:
        queried = (await views.fetch(ALL_NAMES)).to_pylist()

    assert sorted(map(repr, names)) == sorted(map(repr, queried))
    assert len(names) > 5


def test_pieces_without_rows_are_left_out():
    columns = ("kb_id", "cve_ids", "installed_time")
    empty = coded((*NODE, *columns)).empty_table()
    made = coded_rows(iter([empty, empty]), columns)

    assert (len(made.rows), len(made.nodes), len(made.patches)) == (0, 0, 0)
    assert made.rows.column("installed_time").type == PATCHES.field("installed_time").type
