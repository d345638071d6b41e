"""Estimates the rows and calls of nodes from the counts of their patch states, before a patch is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from math import ceil

from msgspec import Struct

from scanner.core.model import ManagedNode, PatchState
from scanner.core.state_names import COUNTED_STATES

ROWS_A_PAGE = 50  # the service gives no more, though its model says 100
MIN_ROWS_A_PAGE = 10  # the smallest MaxResults that the service takes
SPARE_PAGES = 50  # for empty pages in between, and for rows that the counts leave out
MAX_PAGES = 2_000  # no node has more: an inventory type holds 10,000 entries a node, so 1,000 pages of 10


class ListedNode(Struct, frozen=True):
    """A node of a listing, with its patch state (None: AWS gave none)."""

    node: ManagedNode
    state: PatchState | None


class Estimate(Struct, frozen=True):
    """The nodes on one page of nodes, their expected rows, and the calls to read these."""

    nodes: int = 0
    rows: int = 0
    patch_calls: int = 0

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.nodes + other.nodes, self.rows + other.rows, self.patch_calls + other.patch_calls)


def estimate(listed: Iterable[ListedNode], states: Collection[str]) -> Estimate:
    """Returns what these nodes cost: at least one call each, then one for each further page of rows."""
    rows = [expected_rows(item, states) for item in listed]
    return Estimate(len(rows), sum(rows), sum(max(1, ceil(count / ROWS_A_PAGE)) for count in rows))


def expected_rows(listed: ListedNode, states: Collection[str]) -> int:
    """Returns about how many rows a node will list under this State filter (empty: none).

    A node without counts is taken for one page. Windows nodes list what is not applicable, Linux nodes only count it
    (Systems Manager user guide, "Windows and Linux differences").
    """
    state = listed.state
    if state is None:
        return ROWS_A_PAGE
    counted = {name: getattr(state, count) or 0 for name, count in COUNTED_STATES.items()}
    if listed.node.platform_type == "Windows":
        counted["NOT_APPLICABLE"] = state.not_applicable_count or 0
    return sum(count for name, count in counted.items() if not states or name in states)


def max_pages(listed: ListedNode, broken: int) -> int:
    """Returns after how many pages a listing counts as endless: far beyond what is expected of the shortest pages.

    The counts may be those of an earlier operation, so each listing that broke off (`broken`) allows four times more.
    """
    if listed.state is None:
        return MAX_PAGES
    shortest_pages = ceil(expected_rows(listed, ()) / MIN_ROWS_A_PAGE)
    return min(MAX_PAGES, (SPARE_PAGES + 2 * shortest_pages) << (2 * broken))


def batches(listed: Sequence[ListedNode], states: Collection[str], max_rows: int) -> Iterator[list[ListedNode]]:
    """Yields the nodes in groups of at most `max_rows` expected rows, or of one node that has more."""
    group: list[ListedNode] = []
    rows = 0
    for item in listed:
        expected = expected_rows(item, states)
        if group and rows + expected > max_rows:
            yield group
            group, rows = [], 0
        group.append(item)
        rows += expected
    if group:
        yield group
