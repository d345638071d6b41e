"""`scan --demo` into every sink: each holds what the simulated organization really has."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from scanner.simulator.demo import demo_world
from scanner.simulator.generate.packages import DAY_S
from scanner.simulator.running.expected import truth
from scanner.simulator.running.state import WorldState
from tests.end_to_end.commands import terminal_in
from tests.end_to_end.tables import (
    assert_right,
    assert_same_rows,
    column,
    from_csv,
    from_duckdb,
    from_jsonl,
    from_parquet,
    from_query,
)

SINKS = ("--sink", "jsonl:out", "--sink", "csv:out", "--sink", "parquet:out", "--sink", "duckdb:out/d.duckdb")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Returns a terminal in whose folder the demonstration was scanned, and how that ended."""
    terminal = terminal_in(tmp_path_factory.mktemp("demo"))
    return terminal, terminal.run_whole("scan", "--demo", *SINKS)


def test_every_sink_and_the_store_hold_the_whole_demo_organization(demo):
    terminal, ended = demo
    assert (ended.code, ended.stdout, ended.sentences) == (3, "", [])
    out = terminal.folder / "out"
    sent = from_jsonl(out)
    (started_at,) = column("scans", sent["scans"], "started_at")
    world = demo_world(as_of_s=started_at // 1000 // DAY_S * DAY_S)
    assert_right(sent, truth(WorldState(world)))
    stored = from_query(terminal, tables=("patches", "nodes"))
    for again in (stored, from_csv(out), from_parquet(out), from_duckdb(out / "d.duckdb")):
        for name in again:
            assert_same_rows(again[name], sent[name])


#: Baselines that say another number of nodes than name them, or nothing of what AWS says of each.
WRONG_BASELINES = """
SELECT count(*) AS baselines, count(*) FILTER (
  is_default IS NULL OR enable_non_security IS NULL OR baselines.nodes IS DISTINCT FROM (
    SELECT count(*) FROM nodes AS node WHERE status <> 'gone' AND node.account_id = baselines.account_id
    AND node.region = baselines.region AND node.baseline_id = baselines.baseline_id
  )
) AS wrong FROM baselines
"""


def test_each_baseline_says_how_many_nodes_use_it_and_what_aws_says_of_it(terminal):
    terminal.run("scan", "--demo")
    ended = terminal.run("query", WRONG_BASELINES, "--format", "json")
    ((baselines, wrong),) = (row.values() for row in json.loads(ended.stdout)["rows"])
    assert baselines > 0
    assert wrong == 0


#: The word that the first sentence has for the machines of a status.
WORDS = {
    "unmanaged": "unmanaged",
    "stopped": "stopped",
    "service_managed": "managed by a service of AWS",
    "summary_only": "scanned by an association",
}
STALE = ("online without a recent patch scan", "never scanned", "perhaps scanned with a BaselineOverride")


def test_the_first_lines_count_every_machine_that_is_not_covered_and_the_report_names_it_with_its_reason(demo):
    terminal, ended = demo
    first, *_ = (line for line in " ".join(ended.stderr.split()).split(". ") if "machines: " in line)
    sql = "SELECT instance_id, status, reason FROM nodes"
    nodes = json.loads(terminal.run("query", sql, "--format", "json").stdout)["rows"]
    statuses = Counter(node["status"] for node in nodes)
    for status, words in WORDS.items():
        assert f"{statuses[status]} {words}" in first
        assert statuses[status] > 0
    words = " ".join(ended.stderr.split())
    assert all(f"1 {each}" in words or f"2 {each}" in words for each in STALE)
    assert words.index("Stale and therefore unknown: ") < words.index(" is partial: ")

    assert terminal.run("report", "--output", "report.html").code == 0
    report = (terminal.folder / "report.html").read_text()
    for node in nodes:
        if node["status"] in WORDS:
            assert node["instance_id"] in report
            assert node["reason"].replace("'", "&#39;") in report
