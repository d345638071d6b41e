"""What the outcomes of a run, and of the runs before it, add up to."""

from __future__ import annotations

from scanner.app.outcomes import ended_outcomes, scope_of
from scanner.core.model import Scope, Target, TargetOutcome, TargetStatus
from scanner.core.settings import NodeSettings, ScopeSettings, Settings
from scanner.store.node_index import DoneTarget
from scanner.store.open_scan import DoneNodes

HERE = Target("111111111111", "eu-west-1", "prod")
KEY = ("111111111111", "eu-west-1")
NOTHING = DoneNodes({}, [])


def outcome(target=HERE, nodes=2, rows=20):
    return TargetOutcome(target, TargetStatus.SCANNED, None, nodes, rows, 7, 0, 0, 1, 2)


def test_a_target_counts_what_earlier_runs_of_the_scan_delivered():
    done = DoneNodes({KEY: DoneTarget(frozenset({"i-1", "i-2", "i-3"}), {"verified": 3}, 30)}, [])

    (ended,) = ended_outcomes([outcome()], done, {})

    assert (ended.nodes, ended.patch_rows, ended.requests) == (5, 50, 7)


def test_a_target_counts_the_rows_that_were_carried_over():
    (ended,) = ended_outcomes([outcome()], NOTHING, {KEY: 100})

    assert (ended.nodes, ended.patch_rows) == (2, 120)


def test_a_target_that_left_the_scope_before_the_resumption_is_named():
    done = DoneNodes({KEY: DoneTarget(frozenset({"i-1"}), {"verified": 1}, 10)}, [])

    (ended,) = ended_outcomes([], done, {})

    assert (ended.target.account_id, ended.status, ended.nodes) == ("111111111111", TargetStatus.UNFINISHED, 1)
    assert "left the scope" in ended.reason


def test_the_scope_is_told_as_it_was_asked_for():
    settings = Settings(
        scope=ScopeSettings(accounts=("1", "2"), regions=("enabled",), exclude_regions=("eu-west-1",)),
        nodes=NodeSettings(tags={"env": ("prod",)}, platform_types=("Windows",)),
    )

    assert scope_of(settings) == Scope(
        accounts="1,2",
        regions="enabled",
        excluded_regions=("eu-west-1",),
        node_filters={"tag:env": ("prod",), "platform_types": ("Windows",)},
    )
