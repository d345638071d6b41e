"""Decides about one node, without any I/O: merging pages, counting rows, reconciling them with AWS's own counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from math import ceil
from operator import attrgetter

from msgspec import Struct

from scanner.core.errors import AwsError, Denied, Disabled, NodeGone, PaginationBroken
from scanner.core.model import (
    COUNTED_STATES,
    ManagedNode,
    NodeStatus,
    PatchPage,
    PatchRows,
    PatchState,
    documented_state,
)

MAX_PAGES = 2_000
"""No node has this many pages: an inventory type holds 10,000 entries a node, a page at least 10 rows."""

SPARE_PAGES = 50
"""Empty pages may come in between, and rows that the counts leave out."""
MIN_ROWS_A_PAGE = 10
ROWS_A_PAGE = 50
"""What the service gives at most, whatever its model says."""

Fingerprint = tuple[object, ...]
"""What identifies a patching operation's result; equal ones mean equal rows."""


class NodeWork(Struct, frozen=True):
    """A node to read, with its patch state as it was found (None: AWS gave none)."""

    node: ManagedNode
    state: PatchState | None


class Reading(Struct, frozen=True):
    """What a listing that was read to its end holds: pages, and rows by state in its documented form."""

    pages: int
    rows: Counter[str]


class Listing:
    """Follows the pages of one node; void as a whole once a page does not fit."""

    def __init__(self, max_pages: int = MAX_PAGES) -> None:
        self._max_pages = max_pages
        self.pages = 0
        self._tokens: set[str] = set()

    def add(self, page: PatchPage) -> str | None:
        """Take the next page; gives the token to go on with, None at the end.

        Raises:
            PaginationBroken: the token came before, or the listing has no end.
        """
        self.pages += 1
        token = page.next_token
        if token is None:
            return None
        if token in self._tokens:
            raise PaginationBroken("AWS gave the same NextToken twice", code="RepeatedNextToken")
        if self.pages >= self._max_pages:
            raise PaginationBroken(f"the listing did not end within {self._max_pages} pages", code="EndlessPagination")
        self._tokens.add(token)
        return token

    def reading(self, patches: PatchRows) -> Reading:
        """What there was, once the end is reached: the rows of all its pages."""
        rows: Counter[str] = Counter()
        for state, count in Counter(patches.column("state")).items():
            rows[documented_state(state)] += count
        return Reading(self.pages, rows)


class Verdict(Struct, frozen=True):
    """What to do with a reading: deliver it with this status, or (status None) read the node again."""

    status: NodeStatus | None
    reason: str | None = None


READ_AGAIN = Verdict(None)
_NEVER_THE_SAME = "AWS has no patch state to hold the rows against, and they did not come twice the same"


_identity = attrgetter(
    "snapshot_id", "operation_end_time", *(name for name in PatchState.__struct_fields__ if name.endswith("_count"))
)


def fingerprint(state: PatchState | None) -> Fingerprint | None:
    """What changes whenever a patching operation has ended: the operation's identity and every count."""
    return None if state is None else _identity(state)


def disagreements(state: PatchState, rows: Counter[str], comparable: Collection[str]) -> list[str]:
    """Each comparable state whose rows and count differ, in words; a count AWS does not give is not compared."""
    found = []
    for name, count_name in COUNTED_STATES.items():
        count: int | None = getattr(state, count_name)
        if name in comparable and count is not None and count != rows[name]:
            found.append(f"{name} has {rows[name]} rows where AWS counts {count}")
    return found


def needs_second_look(work: NodeWork, reading: Reading, comparable: Collection[str]) -> bool:
    """Whether the patch state must be read again before this reading can be trusted.

    A listing of one page is one instant; over several pages a patching operation may have ended in between, and then
    even counts that agree do not prove that the rows belong together.
    """
    if work.state is None or reading.pages > 1:
        return True
    return bool(disagreements(work.state, reading.rows, comparable))


def judge(
    before: PatchState | None,
    after: PatchState | None,
    reading: Reading,
    comparable: Collection[str],
    *,
    read_before: bool,
    repeats: bool = False,
    may_read_again: bool,
) -> Verdict:
    """What a reading is worth, given the node's patch state before and after it.

    Args:
        before: the patch state before the reading.
        after: the patch state after it; the same object where no second look was needed.
        reading: what the node listed.
        comparable: the states whose rows may be held against the counts.
        read_before: an earlier reading under this same patch state already disagreed.
        repeats: the reading before gave the very same rows.
        may_read_again: False when the attempts are used up.
    """
    if _moved(before, after, reading):
        if may_read_again:
            return READ_AGAIN
        return Verdict(NodeStatus.MISMATCHED, "patching operations kept ending while the node was read")
    if after is None:
        if not reading.rows:
            return Verdict(NodeStatus.NO_PATCH_DATA)
        if reading.pages > 1 and not repeats:
            # No count and no snapshot tells whether an operation ended between the pages: only the same rows again do.
            return READ_AGAIN if may_read_again else Verdict(NodeStatus.MISMATCHED, _NEVER_THE_SAME)
        return Verdict(NodeStatus.VERIFIED, "AWS has no patch state to hold the rows against")
    found = disagreements(after, reading.rows, comparable)
    if not found:
        return Verdict(NodeStatus.VERIFIED, _unchecked(after, comparable))
    if may_read_again and not read_before:
        return READ_AGAIN
    return Verdict(NodeStatus.MISMATCHED, "; ".join(found))


def _moved(before: PatchState | None, after: PatchState | None, reading: Reading) -> bool:
    if before is None and reading.pages <= 1:
        return False
    return fingerprint(before) != fingerprint(after)


def _unchecked(state: PatchState, comparable: Collection[str]) -> str | None:
    if any(getattr(state, COUNTED_STATES[name]) is not None for name in comparable):
        return None
    return "AWS gives no count that the rows could be held against"


def comparable_states(states: Collection[str], *, other_filters: bool) -> frozenset[str]:
    """The states whose counts can be compared: the filtered ones, all of them without a filter.

    A filter on severity, classification or KB id thins the rows of every state, so then no count can be compared.
    """
    if other_filters:
        return frozenset()
    return frozenset(COUNTED_STATES) & frozenset(states) if states else frozenset(COUNTED_STATES)


def gap_of(error: AwsError) -> tuple[NodeStatus, str]:
    """The status and reason of a node whose reading ended in this error."""
    if isinstance(error, NodeGone):
        return NodeStatus.GONE, str(error)
    if isinstance(error, Denied | Disabled):
        return NodeStatus.DENIED, str(error)
    return NodeStatus.FAILED, str(error)


def expected_rows(work: NodeWork, states: Collection[str]) -> int:
    """About how many rows a node will list under this State filter (empty: none); a node without counts, one page.

    Windows nodes list what is not applicable, Linux nodes only count it (user guide, "Windows and Linux differences").
    """
    if work.state is None:
        return ROWS_A_PAGE
    counted = {name: getattr(work.state, count) or 0 for name, count in COUNTED_STATES.items()}
    if work.node.platform_type == "Windows":
        counted["NOT_APPLICABLE"] = work.state.not_applicable_count or 0
    return sum(count for name, count in counted.items() if not states or name in states)


def max_pages(work: NodeWork, broken: int) -> int:
    """After how many pages a listing passes for endless: far beyond the expected ones, however short they are.

    The counts may be of an operation that is over, so each reading that broke off (`broken`) makes room for more.
    """
    if work.state is None:
        return MAX_PAGES
    shortest_pages = ceil(expected_rows(work, ()) / MIN_ROWS_A_PAGE)
    return min(MAX_PAGES, (SPARE_PAGES + 2 * shortest_pages) << (2 * broken))


def batches(work: Sequence[NodeWork], states: Collection[str], max_rows: int) -> Iterator[list[NodeWork]]:
    """The nodes in groups of about `max_rows` expected rows, each at least one node."""
    group: list[NodeWork] = []
    rows = 0
    for item in work:
        expected = expected_rows(item, states)
        if group and rows + expected > max_rows:
            yield group
            group, rows = [], 0
        group.append(item)
        rows += expected
    if group:
        yield group
