"""What a scan would take."""

from __future__ import annotations

from scanner.core.model import Scope, Target, TargetStatus
from scanner.core.settings import LimitSettings
from scanner.reports.plan import Plan, planned

HERE = Target("111111111111", "eu-west-1")


def test_a_target_without_nodes_costs_the_call_that_finds_that_out():
    empty = planned(HERE, TargetStatus.SCANNED, None, nodes=0, rows=0, patch_calls=0, rate_per_s=10.0)

    assert (empty.calls, empty.minutes) == (1, 0.0)


def test_the_slowest_target_sets_the_time_of_the_whole():
    small = planned(HERE, TargetStatus.SCANNED, None, nodes=1, rows=50, patch_calls=600, rate_per_s=10.0)
    large = planned(HERE, TargetStatus.SCANNED, None, nodes=1, rows=50, patch_calls=6_000, rate_per_s=10.0)

    plan = Plan((small, large), LimitSettings(), Scope("current", "current"))

    assert (plan.minutes, plan.calls, plan.nodes, plan.rows) == (10.0, 6_606, 2, 100)
