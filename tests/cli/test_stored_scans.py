from __future__ import annotations

import io
import json

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import CVE, NEW, OLD, UNFINISHED
from tests.reports.feeds.samples import epss, kev

pytestmark = pytest.mark.slow

COUNT = "SELECT state, count(*) AS patches FROM patches GROUP BY 1 ORDER BY 1"


def ask(*argv, store):
    return run("query", *argv, "--store", store, app=FakeApp())


def test_a_query_asks_the_newest_scan_and_answers_in_a_table(store):
    ended = ask(COUNT, store=store)

    assert ended == (0, "state      patches\n---------  -------\nINSTALLED        1\nMISSING          2\n", "")


def test_a_query_may_name_the_scans_it_asks_and_none_counts_twice(store):
    ended = ask("SELECT scan_id, count(*) AS n FROM patches GROUP BY 1 ORDER BY 1", "--format", "json", store=store)
    both = ask(
        "SELECT scan_id, count(*) AS n FROM patches GROUP BY 1 ORDER BY 1",
        *("--scan", OLD, "--scan", "latest", "--scan", NEW, "--format", "json"),
        store=store,
    )

    assert json.loads(ended.stdout)["rows"] == [{"scan_id": NEW, "n": 3}]
    assert json.loads(both.stdout)["rows"] == [{"scan_id": OLD, "n": 1}, {"scan_id": NEW, "n": 3}]


def test_a_query_may_ask_all_committed_scans(store):
    ended = ask("SELECT scan_id FROM scans ORDER BY 1", "--scan", "all", "--format", "json", store=store)

    assert json.loads(ended.stdout)["rows"] == [{"scan_id": OLD}, {"scan_id": NEW}]


def test_a_query_can_be_read_from_stdin(store, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(COUNT.encode())))

    assert ask("-", "--format", "csv", store=store).stdout == "state,patches\nINSTALLED,1\nMISSING,2\n"


def test_text_of_a_node_is_harmless_on_a_terminal_and_in_a_spreadsheet(store):
    table = ask("SELECT title FROM patches LIMIT 1", store=store)
    csv = ask("SELECT title FROM patches LIMIT 1", "--format", "csv", store=store)

    assert "\x1b" not in table.stdout
    assert csv.stdout.splitlines()[1].lstrip('"').startswith("'=cmd()")


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT nothing FROM patches", "DROP VIEW patches", "SELECT 1; SELECT 2"])
def test_a_query_that_cannot_be_run_is_a_sentence_and_wrong_usage(sql, store):
    ended = ask(sql, store=store)

    assert ended.code == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1


def test_a_scan_that_is_not_there_is_wrong_usage_and_told_with_those_that_are(store):
    ended = ask(COUNT, "--scan", "nope", store=store)

    assert ended.code == 2
    assert NEW in ended.stderr


def test_a_store_without_scans_says_so(tmp_path):
    ended = ask(COUNT, store=str(tmp_path / "empty"))

    assert ended.code == 2
    assert "empty" in ended.stderr


@pytest.mark.parametrize("words", [["scans"], ["scans", "list"]], ids=" ".join)
def test_scans_are_listed_with_what_became_of_them_unfinished_ones_too(words, store):
    lines = run(*words, "--store", store, app=FakeApp()).stdout.splitlines()

    header = ["scan", "started", "status", "mode", "targets", "nodes", "rows", "took", "scope", "filters", "label"]
    assert lines[0].split() == header
    assert [[words[0], *words[3:]] for words in map(str.split, lines[1:])] == [
        [OLD, "complete", "full", "1", "1", "1", "1", "min", "30", "s", "current"],
        [NEW, "complete", "full", "1", "1", "3", "1", "min", "30", "s", "current"],
        [UNFINISHED, "unfinished", "current"],
    ]


def test_an_empty_store_lists_nothing_and_says_where(tmp_path):
    ended = run("scans", "--store", str(tmp_path / "empty"), app=FakeApp())

    assert (ended.code, ended.stdout) == (0, f"no scans in {tmp_path / 'empty'}\n")


def test_a_scan_in_order_verifies(store):
    ended = run("scans", "verify", "--store", store, app=FakeApp())

    assert ended.code == 0
    assert [line.split(":")[0] for line in ended.stdout.splitlines()] == [OLD, NEW]


def test_a_scan_with_a_damaged_file_does_not_verify(store, tmp_path):
    (segment,) = (tmp_path / "store" / "scans" / NEW / "segments").iterdir()
    segment.write_bytes(segment.read_bytes()[:-1])

    ended = run("scans", "verify", NEW, "--store", store, app=FakeApp())

    assert ended.code == 1
    assert segment.name in ended.stdout


def test_prune_keeps_the_newest_and_names_what_it_removed(store):
    first = run("scans", "prune", "--keep", "1", "--store", store, app=FakeApp())
    again = run("scans", "prune", "--keep", "1", "--store", store, app=FakeApp())

    assert first.stdout == f"removed {OLD}\n"
    assert again.stdout == "nothing to remove\n"
    assert NEW in run("scans", "--store", store, app=FakeApp()).stdout


def test_the_size_that_is_shown_is_that_of_every_file_of_rows(store, tmp_path):
    shown = json.loads(run("scans", "show", NEW, "--format", "json", "--store", store, app=FakeApp()).stdout)

    files = (tmp_path / "store" / "scans" / NEW).rglob("*.parquet")
    assert shown["bytes"] == sum(file.stat().st_size for file in files)


def test_verify_and_prune_answer_as_json(store, tmp_path):
    (segment,) = (tmp_path / "store" / "scans" / NEW / "segments").iterdir()
    segment.write_bytes(segment.read_bytes()[:-1])

    verified = run("scans", "verify", "--format", "json", "--store", store, app=FakeApp())
    pruned = run("scans", "prune", "--keep", "1", "--format", "json", "--store", store, app=FakeApp())

    old, new = json.loads(verified.stdout)["verified"]
    assert verified.code == 1
    assert old == {"where": OLD, "is_sound": True, "problems": []}
    assert (new["where"], new["is_sound"], segment.name in str(new["problems"])) == (NEW, False, True)
    assert json.loads(pruned.stdout) == {"schema_version": 1, "removed": [OLD]}


@pytest.mark.parametrize("keep", ["0", "-1", "x"])
def test_prune_refuses_to_keep_nothing(keep, store):
    ended = run("scans", "prune", "--keep", keep, "--store", store, app=FakeApp())

    assert ended.code == 2
    assert OLD in run("scans", "--store", store, app=FakeApp()).stdout


def test_feeds_that_are_named_can_be_joined(store, tmp_path):
    (tmp_path / "kev.json").write_bytes(kev((CVE, "2026-10-22")))
    (tmp_path / "epss.csv.gz").write_bytes(epss((CVE, 0.5, 0.9)))
    sql = """
        SELECT kb_id, due_date, epss FROM patches JOIN kev ON list_contains(cve_ids, kev.cve_id)
        JOIN epss USING (cve_id) WHERE state = 'MISSING' ORDER BY kb_id
    """

    ended = ask(sql, "--kev", "kev.json", "--epss", "epss.csv.gz", "--format", "csv", store=store)

    assert ended.stdout.splitlines() == ["kb_id,due_date,epss", "KB1,2026-10-22,0.5", "KB2,2026-10-22,0.5"]


def test_a_feed_that_a_query_does_not_name_is_not_read(store):
    assert ask(COUNT, "--kev", "nowhere.json", store=store).code == 0
    assert ask("FROM kev", "--kev", "nowhere.json", store=store).code == 2
