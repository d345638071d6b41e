"""What commands read of a store on S3: few listings however many scans there are, and no patches without need."""

from __future__ import annotations

import anyio
import pytest

from scanner.files.s3 import open_files
from scanner.store.store import Store
from tests.cli.running import run
from tests.faults.counting_s3 import serve_s3
from tests.store.samples import STARTED_MS, commit, node

pytestmark = pytest.mark.slow

URL = "s3://scans/team"
SCANS = 6
DAY_MS = 86_400_000
AWS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}


async def fill():
    async with open_files(URL) as files:
        for day in range(SCANS):
            await commit(Store(files), [[node(1, patches=40)], [node(2, patches=30)]], STARTED_MS + day * DAY_MS)


@pytest.fixture(scope="module")
def filled():
    """Yields a server with the store, which no test changes: to fill it takes seconds of CPU."""
    with serve_s3("scans") as server, pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        anyio.run(fill)
        yield server


@pytest.fixture
def s3(filled):
    """Returns the server, which counts from now on."""
    filled.lists, filled.gets = 0, []
    return filled


@pytest.mark.parametrize(
    "argv",
    [
        ("scans",),
        ("query", "SELECT count(*) FROM patches"),
        ("cve", "CVE-2026-12345"),
        ("diff",),
        ("report", "--output", "-"),
    ],
    ids=lambda argv: argv[0],
)
def test_a_command_lists_at_most_three_times(argv, s3):
    ended = run(*argv, "--store", URL)
    assert ended.code in (0, 3), ended.stderr
    assert s3.lists <= 3


def test_a_query_of_nodes_reads_no_patches(s3):
    ended = run("query", "SELECT status, count(*) FROM nodes GROUP BY 1", "--store", URL, "--format", "csv")
    assert ended.stdout == "status,count_star()\nverified,2\n"
    assert not [name for name in s3.gets if "/patches/" in name]


def test_reports_read_no_patches_of_segments_and_of_earlier_scans_one_file(s3):
    for argv in (("cve", "CVE-2026-12345"), ("report", "--output", "-")):
        s3.gets = []
        assert run(*argv, "--store", URL).code in (0, 3)
        read = [name for name in s3.gets if name.endswith(".parquet")]
        newest = max(name.split("/")[4] for name in read)
        assert not [name for name in read if "/patches/" in name]
        kept = [name.rpartition("/")[2].rsplit("-", 2)[0] for name in read if newest in name and "/relevant-" in name]
        assert sorted(kept) == ["relevant-nodes", "relevant-patches", "relevant-rows"]
        earlier = [name.rpartition("/")[2].rsplit("-", 2)[0] for name in read if newest not in name]
        assert earlier == (["relevant-patches"] * 3 if argv[0] == "cve" else [])


@pytest.mark.parametrize(("table", "folders"), [("patches", {"patches"}), ("tags", {"segments"}), ("targets", set())])
def test_a_query_reads_the_files_of_the_tables_that_it_names_and_no_others(table, folders, s3):
    assert run("query", f"SELECT count(*) FROM {table}", "--store", URL).code == 0
    assert {name.rpartition("/")[0].rpartition("/")[2] for name in s3.gets if name.endswith(".parquet")} >= folders
    assert not [name for name in s3.gets for other in {"segments", "patches"} - folders if f"/{other}/" in name]


def test_the_catalogue_of_a_query_that_names_no_table_has_all_but_patches(s3):
    sql = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    ended = run("query", sql, "--store", URL, "--format", "csv")
    assert ended.stdout.split() == ["view_name", "baselines", "nodes", "tags", "targets"]


def test_a_query_of_patches_has_all_of_them_whatever_they_are_called(s3):
    for sql in ('SELECT count(*) AS n FROM "Patches"', "SELECT count(*) AS n FROM query_table('PATCHES')"):
        assert run("query", sql, "--store", URL, "--format", "csv").stdout == "n\n70\n"


def test_a_table_of_patches_whose_name_is_put_together_is_refused_and_not_taken_for_empty(s3):
    ended = run("query", "SELECT count(*) FROM query_table('pat' || 'ches')", "--store", URL)
    assert (ended.code, ended.stdout) == (2, "")
