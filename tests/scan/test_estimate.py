"""The calls that nodes cost, by their patch states."""

from __future__ import annotations

from scanner.core.model import ManagedNode, PatchState
from scanner.scan.estimate import Estimate, estimate
from scanner.scan.verify import NodeWork


def work(installed):
    return NodeWork(ManagedNode("i-1"), PatchState("i-1", installed_count=installed))


def test_every_node_costs_a_call_and_every_further_page_another():
    assert estimate([work(0), work(50), work(51)], ()) == Estimate(nodes=3, rows=101, patch_calls=4)


def test_estimates_of_pages_add_up():
    assert estimate([work(10)], ()) + estimate([work(60)], ()) == Estimate(nodes=2, rows=70, patch_calls=3)
