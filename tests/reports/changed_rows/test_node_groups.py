"""Nodes that differ are compared in groups that fit into the memory; what is equal is read once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.reports.changed_rows.coded_rows import PatchFile
from scanner.reports.changed_rows.node_groups import node_groups
from scanner.reports.changed_rows.node_runs import NodeRuns, differing_nodes


def a_file(name, is_after, runs):
    """A file with runs of (node, rows, sum)."""
    offsets = [0]
    for _, rows, _ in runs:
        offsets.append(offsets[-1] + rows)
    return NodeRuns(
        PatchFile(Path(name)),
        is_after,
        pa.array(offsets, pa.int32()),
        pa.array([node for node, _, _ in runs], pa.int32()),
        pa.array([total for _, _, total in runs], pa.int64()),
    )


def described(groups):
    return [(group.nodes.to_pylist(), [str(runs.file.path) for runs in group.files]) for group in groups]


def test_nodes_of_equal_sums_do_not_differ_whatever_their_order():
    before = a_file("b", False, [(1, 2, 10), (2, 2, 20), (None, 1, 5)])
    after = a_file("a", True, [(2, 3, 21), (None, 1, 6), (1, 2, 10)])

    assert differing_nodes([before, after]).to_pylist() == [2]


def test_a_node_that_lies_in_two_files_of_a_scan_has_the_sum_of_both():
    before = [a_file("b", False, [(1, 2, 30)])]
    after = [a_file("a1", True, [(1, 1, 10)]), a_file("a2", True, [(1, 1, 20)])]

    assert differing_nodes(before + after).to_pylist() == []


def test_a_node_that_has_rows_in_one_scan_alone_differs():
    files = [a_file("b", False, [(1, 1, 7)]), a_file("a", True, [(2, 1, 7)])]

    assert sorted(differing_nodes(files).to_pylist()) == [1, 2]


def test_a_group_names_the_files_of_its_nodes_alone_those_of_the_later_scan_first():
    files = [
        a_file("b1", False, [(1, 5, 0), (3, 5, 0)]),
        a_file("b2", False, [(2, 5, 0), (4, 5, 0)]),
        a_file("a1", True, [(1, 5, 0), (2, 5, 0)]),
        a_file("a2", True, [(3, 5, 0)]),
    ]

    assert described(node_groups(files, {1, 2, 3}, 20)) == [([1, 2], ["a1", "b1", "b2"]), ([3], ["a2", "b1"])]
    assert described(node_groups(files, {4}, 20)) == [([4], ["b2"])]
    assert described(node_groups(files, set(), 20)) == []


@pytest.mark.parametrize("most_rows", [1, 10, 10**6])
@given(rows=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=12))
def test_each_node_is_in_one_group_and_a_group_of_several_has_no_more_rows_than_fit(most_rows, rows):
    files = [a_file(f"{node}", True, [(node, more, 0), (node + 1, less, 0)]) for node, (more, less) in enumerate(rows)]
    wanted = set(range(len(rows) + 1)) if rows else set()

    groups = list(node_groups(files, wanted, most_rows))

    assert sorted(node for group in groups for node in group.nodes.to_pylist()) == sorted(wanted)
    sizes = dict.fromkeys(wanted, 0)
    for node, (more, less) in enumerate(rows):
        sizes[node] += more
        sizes[node + 1] += less
    for group in groups:
        assert len(group.nodes) == 1 or sum(sizes[node] for node in group.nodes.to_pylist()) <= most_rows
