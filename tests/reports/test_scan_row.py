from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.core.model import NodeStatus, ScanStatus, Scope, Target, TargetOutcome, TargetStatus
from scanner.reports.scan_row import ScanIdentity, scan_row, scan_status

CURRENT = Scope("current", "current")
ENABLED = Scope("organization", "enabled")
SCANNED, DENIED, DISABLED = TargetStatus.SCANNED, TargetStatus.DENIED, TargetStatus.DISABLED


def outcome(status=SCANNED, **counts):
    numbers = {"nodes": 0, "patch_rows": 0, "requests": 0, "throttles": 0, "retries": 0} | counts
    return TargetOutcome(Target("111122223333", "eu-west-1"), status, None, **numbers, started_at=1, finished_at=2)


def row(outcomes, nodes, scope=CURRENT):
    return scan_row(
        ScanIdentity("s", started_at=1, mode="full", states=["MISSING"], scope=scope, version="0"),
        finished_at=2,
        outcomes=outcomes,
        nodes=nodes,
    )


COMPLETE_NODES = (NodeStatus.VERIFIED, NodeStatus.UNCHANGED, NodeStatus.NO_PATCH_DATA, NodeStatus.GONE)
GAP_NODES = (NodeStatus.MISMATCHED, NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.UNFINISHED)
GAP_TARGETS = (TargetStatus.DENIED, TargetStatus.FAILED, TargetStatus.UNFINISHED)


def test_a_scan_of_verified_unchanged_absent_and_gone_nodes_is_complete():
    assert scan_status(CURRENT, {SCANNED: 3}, dict.fromkeys(COMPLETE_NODES, 2)) is ScanStatus.COMPLETE


def test_a_fleet_without_nodes_is_complete():
    assert scan_status(CURRENT, {SCANNED: 3}, {}) is ScanStatus.COMPLETE


@pytest.mark.parametrize("status", GAP_NODES)
def test_one_node_that_is_not_in_order_makes_a_scan_partial(status):
    assert scan_status(CURRENT, {SCANNED: 1}, {NodeStatus.VERIFIED: 99, status: 1}) is ScanStatus.PARTIAL


@pytest.mark.parametrize("status", [*GAP_TARGETS, DISABLED])
def test_one_target_that_was_not_scanned_makes_a_scan_partial(status):
    assert scan_status(CURRENT, {SCANNED: 9, status: 1}, {NodeStatus.VERIFIED: 1}) is ScanStatus.PARTIAL


def test_unmanaged_machines_make_a_scan_partial_only_where_the_scope_calls_them_gaps():
    nodes = {NodeStatus.VERIFIED: 9, NodeStatus.UNMANAGED: 1}
    assert scan_status(CURRENT, {SCANNED: 1}, nodes) is ScanStatus.COMPLETE
    strict = Scope("current", "current", are_unmanaged_gaps=True)
    assert scan_status(strict, {SCANNED: 1}, nodes) is ScanStatus.PARTIAL
    assert scan_status(strict, {SCANNED: 1}, nodes | {NodeStatus.UNMANAGED: 0}) is ScanStatus.COMPLETE
    assert strict.count_node_gaps(nodes) == 1


def test_a_disabled_region_is_no_gap_where_the_enabled_ones_were_asked_for():
    assert scan_status(ENABLED, {SCANNED: 9, DISABLED: 1}, {}) is ScanStatus.COMPLETE
    assert not ENABLED.is_gap(DISABLED)
    assert CURRENT.is_gap(DISABLED)


@pytest.mark.parametrize("targets", [{DENIED: 2}, {DISABLED: 2}, {}])
@pytest.mark.parametrize("scope", [CURRENT, ENABLED])
def test_a_scan_that_scanned_no_target_failed(targets, scope):
    assert scan_status(scope, targets, {}) is ScanStatus.FAILED


def test_a_scan_that_lists_nodes_and_can_read_none_failed():
    assert scan_status(CURRENT, {SCANNED: 1}, {NodeStatus.DENIED: 5}) is ScanStatus.FAILED


def test_nodes_of_a_target_that_broke_off_are_still_something():
    assert scan_status(CURRENT, {TargetStatus.FAILED: 1}, {NodeStatus.VERIFIED: 5}) is ScanStatus.PARTIAL


COUNTS = st.integers(0, 3)


@given(
    st.dictionaries(st.sampled_from(list(TargetStatus)), COUNTS),
    st.dictionaries(st.sampled_from(list(NodeStatus)), COUNTS),
)
def test_complete_means_no_gap_anywhere(targets, nodes):
    gaps = [nodes.get(status, 0) for status in GAP_NODES] + [
        targets.get(status, 0) for status in (*GAP_TARGETS, DISABLED)
    ]

    if scan_status(CURRENT, targets, nodes) is ScanStatus.COMPLETE:
        assert not any(gaps)
        assert targets[SCANNED]
    else:
        assert any(gaps) or not targets.get(SCANNED)


def test_the_row_adds_up_the_outcomes_and_counts_every_status():
    outcomes = [outcome(patch_rows=5, requests=7, throttles=1), outcome(DENIED, requests=1)]

    scan = row(outcomes, {NodeStatus.VERIFIED: 4})

    assert (scan.patch_rows, scan.requests, scan.throttles) == (5, 8, 1)
    assert scan.targets == {"scanned": 1, "denied": 1, "disabled": 0, "failed": 0, "unfinished": 0}
    assert scan.nodes == {status.value: 4 if status is NodeStatus.VERIFIED else 0 for status in NodeStatus}
    assert scan.states == ("MISSING",)
    assert scan.status is ScanStatus.PARTIAL
