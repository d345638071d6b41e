"""Which record stands for a target that several processes read, and which rows of gaps still count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.baselines import Baseline
from scanner.core.model import NodeStatus, PatchState, Target, TargetOutcome, TargetStatus
from scanner.core.tables import segment_table
from scanner.store.node_index import duplicate_rows, joined
from scanner.store.segments import INDEX_COLUMNS
from scanner.store.target_records import (
    TargetCounts,
    best_record,
    done_records,
    outdated_gap_rows,
    records_by_target,
    target_counts,
)
from tests.store.samples import NOBODY, TARGET, node

KEY = (TARGET.account_id, TARGET.region)
HELD = TargetCounts(nodes=2, patch_rows=4, delivered=2)


def record(status=TargetStatus.SCANNED, nodes=2, at=10, target=TARGET):
    return TargetOutcome(target, status, None, nodes, 0, 3, 1, 0, at - 5, at)


def best(*records, held=HELD):
    return best_record(records_by_target(records)[KEY], held)


def keys_of(*segments):
    return [segment_table(NOBODY, nodes).select(INDEX_COLUMNS[1:]) for nodes in segments]


def test_a_reading_to_the_end_stands_before_a_refused_one_and_the_later_before_the_earlier():
    denied = record(TargetStatus.DENIED, nodes=0, at=99)
    assert best(record(at=10), denied).finished_at == 10
    assert best(record(at=10), record(at=20), denied).finished_at == 20


def test_the_requests_of_all_readings_count_and_the_nodes_of_the_segments():
    chosen = best(record(), record(TargetStatus.DENIED, nodes=0))
    assert (chosen.requests, chosen.throttles, chosen.nodes, chosen.patch_rows) == (6, 2, 2, 4)


def test_a_record_of_more_nodes_than_are_held_stands_for_nothing():
    assert best(record(nodes=3)) is None
    assert best(record(nodes=3), record(nodes=2, at=1)).finished_at == 1


def test_a_target_is_done_only_if_it_was_scanned_and_every_node_was_delivered():
    def done(status, nodes, delivered):
        counts = {KEY: TargetCounts(nodes, 0, delivered)}
        return bool(done_records(records_by_target([record(status, nodes)]), counts))

    assert done(TargetStatus.SCANNED, 2, 2)
    assert done(TargetStatus.SCANNED, 0, 0)
    assert not done(TargetStatus.SCANNED, 2, 1)
    assert not done(TargetStatus.DENIED, 0, 0)
    assert not done_records(records_by_target([record(nodes=2)]), {})


def test_a_gap_counts_only_if_the_reading_that_ended_its_target_left_it():
    gap = node(1, status=NodeStatus.FAILED, scanned_at=4)
    kept = structs.replace(gap, node=structs.replace(gap.node, instance_id="i-2"), scanned_at=5)
    elsewhere = node(3, status=NodeStatus.DENIED, scanned_at=99, target=Target("222222222222", "us-east-1"))
    keys = keys_of([gap, kept, node(4, scanned_at=1)], [elsewhere])

    rows = outdated_gap_rows(keys, records_by_target([record(at=10)]), {KEY})

    assert rows == {0: {0}, 1: {0}}


_nodes = st.builds(
    node,
    number=st.integers(0, 4),
    patches=st.integers(0, 3),
    status=st.sampled_from(NodeStatus),
    scanned_at=st.integers(0, 5),
    target=st.sampled_from([TARGET, Target("222222222222", "us-east-1")]),
)


@pytest.mark.slow
@given(st.lists(st.lists(_nodes, max_size=5), max_size=4))
def test_each_node_of_a_target_is_counted_once(segments):
    keys = keys_of(*segments)
    surplus = joined(duplicate_rows(keys), {})
    counts = target_counts(keys, surplus)
    nodes = {}
    for each in (each for segment in segments for each in segment):
        nodes.setdefault((each.target.account_id, each.target.region), {}).setdefault(each.node.instance_id, []).append(
            each.status.is_delivered
        )
    assert {key: (found.nodes, found.delivered) for key, found in counts.items()} == {
        key: (len(ids), sum(map(any, ids.values()))) for key, ids in nodes.items()
    }


ARN = "arn:aws:ssm:eu-west-1:075727635805:patchbaseline/"


def using(number, baseline_id, status):
    found = node(number, status=status)
    return structs.replace(found, state=PatchState(found.node.instance_id, baseline_id=baseline_id))


@pytest.mark.slow
@given(
    st.lists(
        st.lists(
            st.builds(
                using,
                st.integers(0, 9),
                st.sampled_from(["pb-1", "pb-2", f"{ARN}pb-1", None]),
                st.sampled_from([NodeStatus.VERIFIED, NodeStatus.UNCHANGED, NodeStatus.GONE]),
            ),
            max_size=8,
        ),
        max_size=3,
    )
)
def test_each_node_counts_once_for_the_baseline_that_its_state_names_whether_by_its_id_or_its_arn(segments):
    keys = keys_of(*segments)
    surplus = duplicate_rows(keys)
    kept = [
        each
        for number, segment in enumerate(segments)
        for row, each in enumerate(segment)
        if row not in surplus.get(number, ())
    ]
    held = target_counts(keys, surplus).get(KEY, TargetCounts())
    used = structs.replace(record(nodes=0), baselines=(Baseline("pb-1"), Baseline("pb-2"), Baseline("pb-3")))
    assert {each.baseline_id: each.nodes for each in best(used, held=held).baselines} == {
        name: sum(scan.status is not NodeStatus.GONE and (scan.state.baseline_id or "").endswith(name) for scan in kept)
        for name in ("pb-1", "pb-2", "pb-3")
    }
