"""What a scan would take."""

from __future__ import annotations

from scanner.config import LimitSettings
from scanner.model import ManagedNode, PatchState, Target, TargetStatus
from scanner.node import NodeWork
from scanner.plan import Estimate, Plan, estimate, planned

HERE = Target("111111111111", "eu-west-1")


def work(installed):
    return NodeWork(ManagedNode("i-1"), PatchState("i-1", installed_count=installed))


def test_every_node_costs_a_call_and_every_further_page_another():
    assert estimate([work(0), work(50), work(51)], ()) == Estimate(nodes=3, rows=101, patch_calls=4)


def test_estimates_of_pages_add_up():
    assert estimate([work(10)], ()) + estimate([work(60)], ()) == Estimate(nodes=2, rows=70, patch_calls=3)


def test_a_target_without_nodes_costs_the_call_that_finds_that_out():
    empty = planned(HERE, TargetStatus.SCANNED, None, Estimate(), 10.0)

    assert (empty.calls, empty.minutes) == (1, 0.0)


def test_the_slowest_target_sets_the_time_of_the_whole():
    small = planned(HERE, TargetStatus.SCANNED, None, Estimate(1, 50, 600), 10.0)
    large = planned(HERE, TargetStatus.SCANNED, None, Estimate(1, 50, 6_000), 10.0)

    plan = Plan((small, large), LimitSettings())

    assert (plan.minutes, plan.calls, plan.nodes, plan.rows) == (10.0, 6_606, 2, 100)
