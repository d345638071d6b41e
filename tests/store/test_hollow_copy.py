"""Queries over a store elsewhere read the columns that they need, verified, and answer as over whole files."""

from __future__ import annotations

from pathlib import Path

import anyio
import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.errors import ConfigError, StoreError
from scanner.files.local import LocalFiles
from scanner.files.s3 import open_files
from scanner.reports.sql.query import open_views
from scanner.store.blocks import BLOCK_BYTES
from scanner.store.layout import ScanNames
from scanner.store.store import Store
from tests.examples import costly
from tests.reports.open_store import fill, views_of
from tests.store.golden_store import FOLDER
from tests.store.memory_files import MemoryFiles
from tests.store.samples import commit_manifest, node

pytestmark = pytest.mark.slow

QUERIES = (
    "SELECT account_id, count(*) AS n FROM patches WHERE state = 'MISSING' GROUP BY 1",
    "SELECT status, count(*) FROM nodes GROUP BY 1",
    "SELECT count(*) FROM patches",
    "SELECT count(*) FROM patches WHERE len(cve_ids) > 0",
    "FROM patches",
    "FROM nodes",
    "SELECT p FROM patches AS p",
    "SELECT c FROM patches AS p(a, b, c, d)",
    "SELECT instance_id FROM patches WHERE title LIKE 'status%' OR severity = 'title'",
    "SELECT instance_id FROM nodes WHERE instance_id NOT LIKE '%title%'",
    "SELECT instance_id FROM patches WHERE instance_id NOT LIKE '%computer_name%'",
    "SELECT max(kb_id) FROM (SELECT * FROM patches UNION ALL SELECT * FROM patches) ",
    "SELECT COLUMNS('.*_id') FROM patches",
    "SELECT title, computer_name FROM patches JOIN nodes USING (scan_id, account_id, region, instance_id)",
    "SELECT instance_id FROM nodes SEMI JOIN (FROM patches WHERE state = 'MISSING') USING (instance_id)",
    "SELECT key, value, status FROM tags JOIN nodes USING (instance_id)",
    "SELECT (SELECT max(installed_time) FROM patches), (SELECT min(status) FROM targets), scan_id FROM scans",
    "WITH p AS MATERIALIZED (FROM patches) SELECT kb_id FROM p WHERE title > '' ORDER BY severity, kb_id LIMIT 3",
    "SELECT kb_id, row_number() OVER (PARTITION BY region ORDER BY title, kb_id) AS n FROM patches QUALIFY n < 3",
    "SELECT instance_id FROM patches WHERE scan_id = (SELECT max(scan_id) FROM scans)",
    "SELECT * FROM baselines",
    "PIVOT (SELECT state, region FROM patches) ON region IN ('eu-west-1', 'us-east-1') USING count(*)",
)
COLUMNS = ("scan_id", "account_id", "instance_id", "kb_id", "title", "state", "severity", "installed_time", "cve_ids")


async def answers(store, queries):
    async with views_of(store, await store.committed()) as views:
        return [sorted(map(str, (await views.fetch(sql)).to_pylist())) for sql in queries]


def in_memory(folder: Path) -> MemoryFiles:
    files = MemoryFiles()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.held[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    anyio.run(fill, LocalFiles(folder))
    return folder


async def test_every_query_answers_as_over_whole_files(filled):
    expected = await answers(Store(LocalFiles(filled)), QUERIES)
    for sql, rows in zip(QUERIES, expected, strict=True):
        # A copy for each, so that none reads what another one brought.
        assert await answers(Store(in_memory(filled)), [sql]) == [rows], sql


@given(
    st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3),
    st.sampled_from(COLUMNS),
    st.sampled_from(COLUMNS),
    st.sampled_from(["", "WHERE region > 'a'", "JOIN (SELECT scan_id, status FROM nodes) USING (scan_id)"]),
)
@costly(10)
def test_any_columns_in_any_clause_answer_as_over_whole_files(filled, shown, filtered, ordered, source):
    inner = f"(SELECT * FROM patches {source})"
    sql = f"SELECT {', '.join(shown)} FROM {inner} WHERE {filtered} IS NOT NULL ORDER BY {ordered}"
    expected = anyio.run(answers, Store(LocalFiles(filled)), [sql])
    assert anyio.run(answers, Store(in_memory(filled)), [sql]) == expected


async def test_a_store_of_the_first_release_answers_as_on_a_folder():
    expected = await answers(Store(LocalFiles(FOLDER / "store")), QUERIES)
    assert await answers(Store(in_memory(FOLDER / "store")), QUERIES) == expected


async def test_a_column_that_was_not_brought_cannot_be_read():
    files = MemoryFiles()
    store = Store(files)
    manifest = await commit_manifest(store, [[node(1, patches=20_000)]])
    async with store.local_copy([manifest.scan.scan_id]) as copy:
        await copy.columns.bring("patches", {"state"})
        (path,) = copy.patches
        with duckdb.connect() as connection:
            assert connection.execute(f"SELECT count(state) FROM '{path}'").fetchall() == [(20_000,)]
            with pytest.raises(duckdb.Error):
                connection.execute(f"SELECT kb_id FROM '{path}'").fetchall()


async def damaged(place):
    """A store in memory whose one patches file has another byte at `place`, from its end if negative."""
    files = MemoryFiles()
    store = Store(files)
    manifest = await commit_manifest(store, [[node(1, patches=50)]])
    entry = manifest.segments[0].patches
    data = bytearray(files.held[entry.name])
    data[place] ^= 1
    files.held[entry.name] = bytes(data)
    return store, files, entry


@pytest.mark.parametrize("place", [4, 40, 80, 200])
async def test_a_damaged_block_is_named_by_the_query_that_reads_it(place):
    store, _, entry = await damaged(place)
    async with views_of(store, await store.committed()) as views:
        with pytest.raises(StoreError, match=f"{entry.name} cannot be read: a block is not what was written"):
            await views.fetch("FROM patches")


@pytest.mark.parametrize("place", [-1, -6, -9, -100, -700])
async def test_a_damaged_footer_is_named(place):
    store, _, entry = await damaged(place)
    with pytest.raises(StoreError, match=f"{entry.name} cannot be read: its footer is not what was written"):
        async with views_of(store, await store.committed()):
            pass


async def test_a_missing_or_shorter_file_is_named():
    store, files, entry = await damaged(4)
    for data, what in ((files.held[entry.name][:-1], "cannot be read: it is shorter"), (None, "is missing")):
        if data is None:
            del files.held[entry.name]
        else:
            files.held[entry.name] = data
        with pytest.raises(StoreError, match=f"{entry.name} {what}"):
            async with views_of(store, await store.committed()):
                pass


async def test_a_query_that_is_refused_brings_nothing():
    store, files, _ = await damaged(4)
    counted = CountingFiles(files)
    async with Store(counted).local_copy(await store.committed()) as copy, open_views(copy) as views:
        before = counted.bytes
        with pytest.raises(ConfigError):
            await views.fetch("SELECT no_such_column FROM patches")
        assert counted.bytes == before


class CountingFiles:
    """Counts the bytes that are read of other files."""

    def __init__(self, files):
        self._files = files
        self.bytes = 0

    def __getattr__(self, name):
        return getattr(self._files, name)

    async def get(self, name):
        return self._counted(await self._files.get(name))

    async def get_range(self, name, start, length):
        return self._counted(await self._files.get_range(name, start, length))

    def _counted(self, data):
        self.bytes += len(data or b"")
        return data


async def test_of_files_on_s3_the_footers_and_the_blocks_of_the_columns_are_read(s3_url):
    async with open_files(s3_url) as files:
        segments = [[node(number, patches=400) for number in range(first, first + 100)] for first in (0, 100)]
        manifest = await commit_manifest(Store(files), segments)
        read = {}
        for table, sql in (("nodes", QUERIES[1]), ("patches", QUERIES[0])):
            counted = CountingFiles(files)
            copy = Store(counted).local_copy([manifest.scan.scan_id], {table})
            async with copy as held, open_views(held) as views:
                await views.fetch(sql)
            read[table] = counted.bytes
        manifest_bytes = len(await files.get(ScanNames(manifest.scan.scan_id).manifest))

    footers = [segment.footer.bytes for segment in manifest.segments]
    footers_of_patches = [segment.patches.footer.bytes for segment in manifest.segments]
    always = manifest_bytes + manifest.targets.bytes + sum(footers)
    assert read["nodes"] <= always + 2 * len(segments) * BLOCK_BYTES
    assert read["patches"] <= always + sum(footers_of_patches) + 8 * len(segments) * BLOCK_BYTES
