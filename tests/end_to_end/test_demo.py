"""`scan --demo` into every sink: each holds what the simulated organization really has."""

from __future__ import annotations

from scanner.simulator.demo import demo_world
from scanner.simulator.generate.packages import DAY_S
from scanner.simulator.running.expected import truth
from scanner.simulator.running.state import WorldState
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


def test_every_sink_and_the_store_hold_the_whole_demo_organization(terminal):
    ended = terminal.run("scan", "--demo", *SINKS)
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
