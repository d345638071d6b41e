"""Estimates how many rows a node will list, from the counts of its patch state, before a patch is read."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil

from msgspec import Struct

from scanner.core.model import ManagedNode, PatchState
from scanner.core.state_names import COUNTED_STATES, NOT_APPLICABLE

ROWS_A_PAGE = 50  # the service gives no more, though its model says 100
MIN_ROWS_A_PAGE = 10  # the smallest MaxResults that the service takes
#: Rows that wait together for the second look at their patch states: many cost few calls, few cost little memory.
MAX_BATCH_ROWS = 2_500
MIN_BATCH_ROWS = 500
BATCHES_SIDE_BY_SIDE = 3  # of one target, so that it never idles while the last node of a batch is read
ROWS_WAITING = 1_920_000  # of all open targets, 38 MB: what 256 of them have in the largest batches
SPARE_PAGES = 50  # for empty pages in between, and for rows that the counts leave out
MAX_PAGES = 2_000  # no node has more: an inventory type holds 10,000 entries a node, so 1,000 pages of 10


class ListedNode(Struct, frozen=True):
    """A node of a listing, with its patch state (None: AWS gave none)."""

    node: ManagedNode
    state: PatchState | None


def expected_rows(listed: ListedNode, states: Collection[str]) -> int:
    """Returns about how many rows a node will list under this State filter (empty: none).

    A node without counts is taken for one page. Windows nodes list what is not applicable, Linux nodes only count it
    (Systems Manager user guide, "Windows and Linux differences").
    """
    state = listed.state
    if state is None:
        return ROWS_A_PAGE
    names = COUNTED_STATES.items()
    counts = [getattr(state, count) or 0 for name, count in names if not states or name in states]
    if listed.node.platform_type == "Windows" and (not states or NOT_APPLICABLE in states):
        counts.append(state.not_applicable_count or 0)
    return sum(counts)


def expected_pages(rows: int, page_size: int = ROWS_A_PAGE) -> int:
    """Returns how many calls a listing of so many rows takes: at least one."""
    return max(1, ceil(rows / page_size))


def max_pages(listed: ListedNode, broken: int) -> int:
    """Returns after how many pages a listing counts as endless: far beyond what is expected of the shortest pages.

    The counts may be those of an earlier operation, so each listing that broke off (`broken`) allows four times more.
    """
    if listed.state is None:
        return MAX_PAGES
    shortest_pages = ceil(expected_rows(listed, ()) / MIN_ROWS_A_PAGE)
    return min(MAX_PAGES, (SPARE_PAGES + 2 * shortest_pages) << (2 * broken))


def batch_rows(open_targets: int) -> int:
    """Returns the rows of a batch with which the rows of so many open targets stay within `ROWS_WAITING`."""
    share = ROWS_WAITING // (max(open_targets, 1) * BATCHES_SIDE_BY_SIDE)
    return max(MIN_BATCH_ROWS, min(share, MAX_BATCH_ROWS))
