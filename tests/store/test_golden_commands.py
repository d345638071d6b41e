"""Every command over the store that commit 130ce8a wrote."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from scanner import cli
from scanner.simulator.world.faults import Faults
from tests.faults.worlds import organization
from tests.store.golden_store import (
    COMMITTED,
    COMPLETE,
    DELTA,
    EXTERNAL_ID,
    PARTIAL,
    UNFINISHED,
    golden_copy,
    golden_world,
)

pytestmark = pytest.mark.slow

FAULTS = Faults(seed=3, never_scanned=0.2)


@pytest.fixture
def golden(tmp_path, monkeypatch):
    golden = golden_copy(tmp_path / "golden")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATCHSWEEP_STORE", str(golden.folder))
    return golden


@pytest.fixture
def run(golden, capfd):
    """Runs a command; returns its exit code, stdout and stderr."""

    def run(*argv):
        capfd.readouterr()
        code = cli.main(argv)
        return code, *capfd.readouterr()

    return run


def fields(rows, names):
    return sorted(json.dumps([row[name] for name in names]) for row in rows)


@pytest.mark.parametrize("table", ["patches", "nodes", "targets", "scans"])
def test_query_reads_what_the_version_that_wrote_it_read(table, golden, run):
    code, out, _ = run("query", "--scan", "all", "--format", "json", f"SELECT * FROM {table}")

    assert code == 0
    expected = golden.expected[table]
    assert fields(json.loads(out)["rows"], expected[0]) == fields(expected, expected[0])


def test_cve_answers(golden, run):
    lacking = next(row for row in golden.expected["patches"] if row["state"] == "MISSING" and row["cve_ids"])
    code, out, _ = run("cve", lacking["cve_ids"][0], "--scan", lacking["scan_id"], "--format", "json")

    assert code in (0, 3)
    assert lacking["instance_id"] in {row["instance_id"] for row in json.loads(out)["rows"]}


def test_diff_compares_two_scans(run):
    code, out, _ = run("diff", COMPLETE, PARTIAL, "--format", "json")

    assert code in (0, 3)
    assert isinstance(json.loads(out)["rows"], list)


@pytest.mark.parametrize("scan_id", COMMITTED)
def test_report_is_written(scan_id, run, tmp_path):
    code, _, err = run("report", scan_id, "--output", str(tmp_path / "report.html"))

    assert code == 0, err
    assert scan_id in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("scan_id", COMMITTED)
@pytest.mark.parametrize("sink", ["jsonl:out", "csv:out", "parquet:out", "duckdb:out.duckdb"])
def test_publish_sends_every_patch(scan_id, sink, golden, run):
    code, _, err = run("publish", scan_id, "--sink", sink)

    assert code == 0, err
    expected = sum(row["scan_id"] == scan_id for row in golden.expected["patches"])
    assert published_rows(sink) == expected


def published_rows(sink):
    kind, _, where = sink.partition(":")
    if kind == "jsonl":
        return len((Path(where) / "patches.jsonl").read_text().splitlines())
    source = {"csv": "'out/patches.csv'", "parquet": "'out/patches/**/*.parquet'", "duckdb": "patches"}[kind]
    with duckdb.connect(where if kind == "duckdb" else ":memory:") as database:
        return database.execute(f"SELECT count(*) FROM {source}").fetchone()[0]


def test_publish_sends_every_patch_to_postgresql(golden, run, database):
    code, _, err = run("publish", COMPLETE, "--sink", database)

    assert code == 0, err
    assert "92 patch rows" in err


def test_scans_lists_and_verifies_them(run):
    _, listed, _ = run("scans")
    code, verified, err = run("scans", "verify")

    assert all(scan_id in listed for scan_id in (*COMMITTED, UNFINISHED))
    assert code == 0, verified + err


def test_scans_prune_keeps_the_newest(run, golden):
    code, out, err = run("scans", "prune", "--keep", "1")

    assert code == 0, err
    assert (COMPLETE in out, PARTIAL in out, DELTA in out) == (True, True, False)
    assert sorted(path.name for path in (golden.folder / "scans").iterdir()) == [DELTA, UNFINISHED]


SCOPE = ("--accounts", "organization", "--regions", "enabled", "--rate", "2000", "--max-rate", "2000")


def test_a_delta_scan_on_top_of_it_is_whole(golden, run):
    world = golden_world()
    with organization(world, faults=FAULTS):
        options = (*SCOPE, "--role-name", world.role_name, "--external-id", EXTERNAL_ID)
        code, _, err = run("scan", "--mode", "delta", *options)

    assert code == 0, err
    _, out, _ = run("query", "--format", "json", "SELECT count(*) AS nodes, sum(patch_rows) AS rows FROM nodes")
    assert json.loads(out)["rows"] == [{"nodes": 10, "rows": 92}]


def test_the_unfinished_scan_is_resumed(golden, run):
    world = golden_world()
    with organization(world, faults=FAULTS):
        refused, _, sentence = run("scan", "--resume", UNFINISHED, "--sink", "jsonl:out")
        code, _, err = run("scan", "--resume", UNFINISHED, "--sink", "jsonl:out", "--external-id", EXTERNAL_ID)

    assert refused == 2
    assert "external id" in sentence
    assert code == 0, err
    _, out, _ = run(
        "query", "--scan", UNFINISHED, "--format", "json", "SELECT account_id, region, instance_id FROM nodes"
    )
    expected = [row for row in golden.expected["nodes"] if row["scan_id"] == COMPLETE]
    assert fields(json.loads(out)["rows"], ["account_id", "region", "instance_id"]) == fields(
        expected, ["account_id", "region", "instance_id"]
    )
