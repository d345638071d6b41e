"""The comparer that the other tests rely on: it notices a single row."""

from __future__ import annotations

import pytest

from scanner.core.tables import TABLES
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.expected import truth
from scanner.simulator.running.state import WorldState
from tests.end_to_end.tables import assert_right

TRUTH = truth(WorldState(make_world(accounts=2, regions=1, nodes=4, rows=10)))


def row(name, /, **values):
    return tuple(values.get(column) for column in TABLES[name].names)


def right_tables():
    keys = ("account_id", "region", "instance_id")
    nodes = TRUTH.nodes.items()
    return {
        "tags": [],
        "baselines": [],
        "scans": [row("scans", scan_id="s")],
        "patches": [("s", *patch) for patch in TRUTH.patches()],
        "nodes": [
            row(
                "nodes",
                scan_id="s",
                status=n.status,
                patch_rows=n.patch_rows,
                **n.columns,
                **dict(zip(keys, key, strict=True)),
            )
            for key, n in nodes
        ],
        "targets": [row("targets", scan_id="s", **{n: getattr(t, n) for n in TARGET}) for t in TRUTH.targets.values()],
    }


TARGET = ("account_id", "region", "account_name", "status", "nodes", "patch_rows")


def test_the_truth_is_right():
    assert_right(right_tables(), TRUTH)


@pytest.mark.parametrize("name", ["patches", "nodes", "targets"])
def test_a_lost_a_doubled_and_a_changed_row_are_noticed(name):
    for spoil in (
        lambda rows: rows[1:],
        lambda rows: [rows[0], *rows],
        lambda rows: [(*rows[0][:1], "000000000000", *rows[0][2:]), *rows[1:]],
        lambda rows: [("another scan", *rows[0][1:]), *rows[1:]],
    ):
        tables = right_tables()
        tables[name] = spoil(tables[name])
        with pytest.raises(AssertionError):
            assert_right(tables, TRUTH)
