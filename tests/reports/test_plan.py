"""What a scan would take."""

from __future__ import annotations

import pytest

from scanner.core.model import Scope, Target, TargetStatus
from scanner.core.settings import CoverageSettings, LimitSettings, Settings
from scanner.reports.plan import PatchCalls, Plan, planned, source_calls

NO_SOURCES = CoverageSettings(ec2="off", inventory="off", associations="off", tags="off", baselines="off")
PATCHES_ALONE = Settings(limits=LimitSettings(rate_per_s=10.0), coverage=NO_SOURCES)

HERE = Target("111111111111", "eu-west-1")


def test_a_target_without_nodes_costs_the_call_that_finds_that_out():
    empty = planned(
        HERE, TargetStatus.SCANNED, None, nodes=0, rows=0, patch_calls=PatchCalls(0, 0), settings=PATCHES_ALONE
    )

    assert (empty.calls, empty.minutes) == (1, 0.0)


def test_the_slowest_target_sets_the_time_of_the_whole():
    small = planned(
        HERE, TargetStatus.SCANNED, None, nodes=1, rows=50, patch_calls=PatchCalls(600, 600), settings=PATCHES_ALONE
    )
    large = planned(
        HERE, TargetStatus.SCANNED, None, nodes=1, rows=50, patch_calls=PatchCalls(6_000, 6_000), settings=PATCHES_ALONE
    )

    plan = Plan((small, large), LimitSettings(), Scope("current", "current"))

    assert (plan.minutes, plan.calls, plan.nodes, plan.rows) == (10.0, 6_606, 2, 100)


@pytest.mark.parametrize(("nodes", "calls"), [(0, 2), (1, 4), (50, 4), (51, 5), (501, 15)])
def test_what_else_is_asked_in_a_target_is_part_of_its_calls(nodes, calls):
    asked = planned(
        HERE, TargetStatus.SCANNED, None, nodes=nodes, rows=0, patch_calls=PatchCalls(0, 0), settings=Settings()
    )
    alone = planned(
        HERE, TargetStatus.SCANNED, None, nodes=nodes, rows=0, patch_calls=PatchCalls(0, 0), settings=PATCHES_ALONE
    )

    assert asked.calls - alone.calls == source_calls(CoverageSettings(), nodes) == calls


def test_a_target_that_cannot_be_read_is_asked_nothing_else():
    denied = planned(
        HERE, TargetStatus.DENIED, "no role", nodes=0, rows=0, patch_calls=PatchCalls(0, 0), settings=Settings()
    )

    assert denied.calls == 1


def test_the_most_calls_are_those_where_aws_filters_after_it_cuts_pages():
    filtered = planned(
        HERE, TargetStatus.SCANNED, None, nodes=50, rows=9, patch_calls=PatchCalls(60, 600), settings=PATCHES_ALONE
    )

    assert (filtered.calls, filtered.most_calls) == (63, 603)
    assert (filtered.minutes, filtered.most_minutes) == (0.1, 1.0)
