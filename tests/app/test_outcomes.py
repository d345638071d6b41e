"""What the records of a scan and its segments add up to."""

from __future__ import annotations

from scanner.app.outcomes import LEFT_SCOPE, NOT_READ, final_outcomes, scope_of
from scanner.core.model import Scope, Target, TargetOutcome, TargetStatus
from scanner.core.settings import NodeSettings, ScopeSettings, Settings
from scanner.store.ended_targets import EndedList
from scanner.store.plan_file import PlannedTarget, ScanPlan
from scanner.store.segment_reader import SegmentList
from scanner.store.survey import Survey
from scanner.store.target_records import TargetCounts, records_by_target

HERE = Target("111111111111", "eu-west-1", "prod")
KEY = ("111111111111", "eu-west-1")


def outcome(target=HERE, nodes=2, rows=20):
    return TargetOutcome(target, TargetStatus.SCANNED, None, nodes, rows, 7, 0, 0, 1, 2)


def survey_of(records, counts, planned=(HERE,), unreachable=()):
    plan = ScanPlan(tuple(map(PlannedTarget, planned)), tuple(unreachable))
    nothing = EndedList([], [])
    return Survey(plan, SegmentList([], []), {}, counts, records_by_target(records), nothing, 0)


def test_nodes_and_rows_of_a_target_are_those_of_the_segments_whatever_its_reader_counted():
    (ended,) = final_outcomes(survey_of([outcome()], {KEY: TargetCounts(nodes=5, patch_rows=50, delivered=5)}))

    assert (ended.status, ended.nodes, ended.patch_rows, ended.requests) == (TargetStatus.SCANNED, 5, 50, 7)


def test_a_target_without_a_record_is_unfinished_whatever_the_segments_hold_of_it():
    (ended,) = final_outcomes(survey_of([], {KEY: TargetCounts(nodes=5, patch_rows=50, delivered=5)}))

    assert (ended.target, ended.status, ended.reason) == (HERE, TargetStatus.UNFINISHED, NOT_READ)
    assert (ended.nodes, ended.patch_rows) == (5, 50)


def test_a_target_that_left_the_scope_before_the_resumption_is_named():
    (ended,) = final_outcomes(survey_of([], {KEY: TargetCounts(nodes=1, patch_rows=10, delivered=1)}, planned=()))

    assert (ended.target, ended.status, ended.nodes) == (Target(*KEY), TargetStatus.UNFINISHED, 1)
    assert ended.reason == LEFT_SCOPE


def test_accounts_that_could_not_be_opened_come_first():
    refused = outcome(Target("222222222222", "*"), nodes=0, rows=0)
    counts = {KEY: TargetCounts(2, 20, 2)}
    assert final_outcomes(survey_of([outcome()], counts, unreachable=[refused]))[0] == refused


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
