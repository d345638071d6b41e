"""Divides the nodes that differ into groups, so that the rows of one group are in memory and not those of a fleet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
from msgspec import Struct

from scanner.reports.changed_rows.node_runs import NodeRuns


class NodeGroup(Struct, frozen=True):
    """Some nodes by their numbers, and the files that have rows of them."""

    nodes: pa.Array
    files: tuple[NodeRuns, ...]


def node_groups(files: Sequence[NodeRuns], nodes: Collection[int], most_rows: int) -> Iterator[NodeGroup]:
    """Yields all of the nodes, in groups of up to so many rows in both scans, or of one node.

    Nodes that lie in one file of the later scan stay together. As a rule they lie together in the earlier scan too,
    since both read their targets in one order; where they do not, files of the earlier scan are read several times.
    """
    ordered = sorted(files, key=lambda runs: not runs.is_after)
    group_of = _groups(ordered, nodes, most_rows)
    members: dict[int, list[int]] = defaultdict(list)
    for node, group in group_of.items():
        members[group].append(node)
    holding: dict[int, list[NodeRuns]] = defaultdict(list)
    for runs in ordered:
        for group in {group_of[node] for node in runs.nodes.to_pylist() if node in group_of}:
            holding[group].append(runs)
    for group, numbers in members.items():
        yield NodeGroup(pa.array(numbers, pa.int32()), tuple(holding[group]))


def _groups(files: Sequence[NodeRuns], nodes: Collection[int], most_rows: int) -> dict[int, int]:
    """Returns the number of the group of each node."""
    rows: Counter[int] = Counter()  # in the order in which the nodes lie in the files
    for runs in files:
        for node, count in zip(runs.nodes.to_pylist(), runs.row_counts().to_pylist(), strict=True):
            if node in nodes:
                rows[node] += count
    groups: dict[int, int] = {}
    group, taken = 0, 0
    for node, count in rows.items():
        if taken and taken + count > most_rows:
            group, taken = group + 1, 0
        groups[node] = group
        taken += count
    return groups
