"""Which rows count, for any mix of rows over any number of segments."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core.model import NodeStatus, Target
from scanner.core.tables import segment_table
from scanner.store.node_index import (
    done_targets,
    duplicate_rows,
    gap_rows,
    joined,
    patch_row_count,
    status_counts,
    without,
)
from scanner.store.segments import INDEX_COLUMNS
from tests.store.samples import NOBODY, TARGET, node

pytestmark = pytest.mark.slow

_rows = st.builds(
    node,
    number=st.integers(0, 4),
    patches=st.integers(0, 3),
    status=st.sampled_from(NodeStatus),
    scanned_at=st.integers(0, 5),
    target=st.sampled_from([TARGET, Target("222222222222", "us-east-1")]),
)
_segments = st.lists(st.lists(_rows, max_size=6), max_size=4)


def _keys(segments) -> list[pa.Table]:
    return [segment_table(NOBODY, nodes).select(INDEX_COLUMNS[1:]) for nodes in segments]


def _identity(scan) -> tuple[str, str, str]:
    return scan.target.account_id, scan.target.region, scan.node.instance_id


@settings(max_examples=100)
@given(_segments)
def test_every_node_stays_once_and_a_delivered_one_before_a_gap(segments):
    surplus = duplicate_rows(_keys(segments))
    kept = [
        scan
        for number, nodes in enumerate(segments)
        for row, scan in enumerate(nodes)
        if row not in surplus.get(number, ())
    ]
    everything = [scan for nodes in segments for scan in nodes]
    assert sorted(map(_identity, kept)) == sorted({_identity(scan) for scan in everything})
    delivered = {_identity(scan) for scan in everything if scan.status.is_delivered}
    assert {_identity(scan) for scan in kept if scan.status.is_delivered} == delivered
    for scan in kept:
        rivals = [other for other in everything if _identity(other) == _identity(scan)]
        times = [other.scanned_at for other in rivals if other.status.is_delivered == scan.status.is_delivered]
        assert scan.scanned_at == (min(times) if scan.status.is_delivered else max(times))


@settings(max_examples=60)
@given(_segments)
def test_a_target_is_done_as_far_as_its_nodes_were_delivered(segments):
    keys = _keys(segments)
    gaps = gap_rows(keys)
    done = done_targets(keys, joined(gaps, duplicate_rows(keys, gaps)))
    delivered = {_identity(scan) for nodes in segments for scan in nodes if scan.status.is_delivered}
    assert {(*target, name) for target, each in done.items() for name in each.instance_ids} == delivered
    assert all(sum(target.nodes.values()) == len(target.instance_ids) for target in done.values())


@settings(max_examples=60)
@given(_segments)
def test_counts_and_gaps_are_those_of_the_rows(segments):
    keys = _keys(segments)
    everything = [scan for nodes in segments for scan in nodes]
    assert sum(status_counts(keys).values()) == len(everything)
    assert patch_row_count(keys) == sum(len(scan.patches) for scan in everything)
    gaps = gap_rows(keys)
    for number, nodes in enumerate(segments):
        left = without(keys[number], gaps.get(number, set())).column("status").to_pylist()
        assert left == [scan.status for scan in nodes if scan.status.is_delivered]
