"""Decides when a node's rows can be trusted: it is delivered, or read again. Performs no I/O.

A reading is verified if the patch state is the same before and after it and if every count that AWS gives equals the
number of rows. A listing of one page is one instant; between two pages a patching operation may end and replace the
rows, which equal counts alone do not show.

A node that is only refreshed is read whole instead as soon as anything speaks against its carried rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from scanner.core.errors import AwsError, PaginationBroken
from scanner.core.model import ManagedNode, NodeStatus, PatchState
from scanner.core.patch_rows import NO_PATCHES, PatchRows
from scanner.scan.choice import Choice, ReadWhole, Refresh
from scanner.scan.error_status import node_status_of
from scanner.scan.estimate import ListedNode, max_pages
from scanner.scan.job import ReadingRules
from scanner.scan.listing import Listing, rows_by_state
from scanner.scan.odd_rows import doubts_about
from scanner.scan.question import REFRESH, Question
from scanner.scan.reconcile import disagreements, has_comparable_count


class Deliver(Struct, frozen=True):
    """The node is finished: it has this status, and a reason where its rows cannot speak for themselves."""

    status: NodeStatus
    reason: str | None = None


class ReadAgain(Struct, frozen=True):
    """The rows cannot be trusted yet, and attempts are left."""


Decision = Deliver | ReadAgain

MOVING = "patching operations kept ending while the node was read"
NO_STATE = "AWS has no patch state to compare the rows with"
NO_COUNT = "AWS gives no count to compare the rows with"
UNSTEADY = "AWS has no patch state to compare the rows with, and two readings differed"


class _Reading(Struct, frozen=True):
    """A listing that was read to its end, or until it had every row that AWS counts; `pages` 0: none was needed."""

    pages: int
    rows: PatchRows
    by_state: Counter[str]
    ended_early: bool = False
    odd_rows: tuple[str, ...] = ()


NOTHING_WANTED = _Reading(0, NO_PATCHES, Counter())

Rechoose = Callable[[PatchState], Choice]


class NodeAttempt:
    """One node on its way through its readings.

    The caller reads listings while `next_listing` gives one, reports how each went with `listed` or `broke_off`, looks
    up the patch state again if `needs_patch_state`, and then calls `decide`. After `ReadAgain` it starts over.
    `rechoose` decides again whether a refreshed node may be, once its patch state has changed.
    """

    def __init__(
        self,
        node: ManagedNode,
        state: PatchState | None,
        rules: ReadingRules,
        choice: Choice = ReadWhole(),  # noqa: B008 - frozen
        rechoose: Rechoose = lambda _: ReadWhole(),
    ) -> None:
        self.node = node
        self.state = state
        self.rows = NO_PATCHES
        self.pages = 0
        self.restarts = 0
        self._rules = rules
        self._whole = rules.whole
        self._refresh = choice if isinstance(choice, Refresh) else None
        self._rechoose = rechoose
        self._rounds = 1
        self._broken = 0
        self._read: _Reading | AwsError | None = None
        # Rows of the reading before, kept only where no patch state can tell whether they belong together.
        self._earlier: PatchRows | None = None
        self._disagreed = False
        self._had_odd_rows = False

    @property
    def question(self) -> Question:
        """Returns what the listings of this round have to ask for."""
        return REFRESH if self._refresh is not None else self._whole

    @property
    def is_refresh(self) -> bool:
        """Returns whether only what is lacking is read, and the rest carried over."""
        return self._refresh is not None

    def read_whole(self) -> None:
        """Carries nothing over, whatever was chosen; call it between two rounds."""
        self._refresh = None

    def next_listing(self) -> Listing | None:
        """Returns an empty listing to read into, or None once this round has a complete one or an error."""
        listed = ListedNode(self.node, self.state)
        if self._read is None and self.question.expects_nothing(listed):
            self._read = NOTHING_WANTED
        if self._read is not None:
            return None
        return Listing(max_pages(listed, self._broken), self.question.wanted_counts(listed))

    def listed(self, listing: Listing) -> None:
        """Takes a complete listing as this round's reading."""
        rows = listing.rows()
        self.pages += listing.pages
        self._read = _Reading(
            listing.pages, rows, rows_by_state(rows), listing.ended_early, odd_rows=tuple(listing.odd_rows)
        )

    def broke_off(self, listing: Listing, error: AwsError) -> None:
        """Drops a listing that ended in an error; broken pagination may be tried again, `max_restarts` times."""
        self.pages += listing.pages
        if isinstance(error, PaginationBroken) and self._broken < self._rules.max_restarts:
            self._broken += 1
            self.restarts += 1
        else:
            self._read = error

    @property
    def needs_patch_state(self) -> bool:
        """Returns whether the patch state has to be read again before the reading can be trusted."""
        read = self._read
        if not isinstance(read, _Reading):
            return False
        if self.state is None or read.pages > 1 or read.ended_early:
            return True
        return bool(disagreements(self.state, read.by_state, self.question.comparable))

    def decide(self, after: PatchState | AwsError | None) -> Decision:
        """Ends the round.

        Args:
            after: the patch state after the reading (None: AWS gave none), or why it could not be read; ignored
                unless `needs_patch_state`.
        """
        read = self._read
        assert read is not None, "the round has no reading yet"
        if isinstance(read, AwsError):
            return self.fail(read)
        if not self.needs_patch_state:
            after = self.state
        if isinstance(after, AwsError):
            return self.fail(after)
        was_refresh = self.is_refresh
        decision = self._judge(read, after)
        if self._refresh is not None:
            decision = self._judge_refresh(self._refresh, read, decision)
        if isinstance(decision, ReadAgain):
            self._start_over(read, after, was_refresh=was_refresh)
        else:
            self.rows = read.rows
        self.state = after or self.state
        return decision

    def fail(self, error: AwsError) -> Deliver:
        """Returns the end of a node that this error keeps from being read; it has no rows."""
        return Deliver(node_status_of(error), str(error))

    @property
    def _may_read_again(self) -> bool:
        return self._rounds <= self._rules.max_restarts

    def _judge(self, read: _Reading, after: PatchState | None) -> Decision:
        if self._moved(read, after):
            return ReadAgain() if self._may_read_again else Deliver(NodeStatus.MISMATCHED, MOVING)
        doubts = doubts_about(read.by_state, read.odd_rows)
        if after is None and not doubts:
            return self._judge_without_state(read)
        comparable = self.question.comparable
        sentences = disagreements(after, read.by_state, comparable) if after is not None else []
        if after is not None and not sentences and not doubts:
            is_compared = not read.pages or has_comparable_count(after, comparable)
            return Deliver(NodeStatus.VERIFIED, None if is_compared else NO_COUNT)
        # Either may be a passing fault, and is given one more reading.
        may_pass = (sentences and not self._disagreed) or (read.odd_rows and not self._had_odd_rows)
        if self._may_read_again and may_pass:
            return ReadAgain()
        return Deliver(NodeStatus.MISMATCHED, "; ".join([*sentences, *doubts]))

    def _judge_refresh(self, refresh: Refresh, read: _Reading, decision: Decision) -> Decision:
        """Returns the end of a node whose lacking patches were read: refreshed, or to be read again."""
        if isinstance(decision, ReadAgain):
            return decision
        # Verified without a reason: some count was compared. A row that was not asked for may be among those carried.
        is_trusted = decision == Deliver(NodeStatus.VERIFIED) and read.by_state.keys() <= set(REFRESH.states)
        if is_trusted and not refresh.are_carried_rows_old(read.rows.column("kb_id")):
            return Deliver(NodeStatus.REFRESHED)
        # Whatever is wrong, the rows of one operation settle it.
        self.read_whole()
        return ReadAgain()

    def _judge_without_state(self, read: _Reading) -> Decision:
        if not read.by_state:
            return Deliver(NodeStatus.NO_PATCH_DATA)
        # Nothing tells whether an operation ended between two pages, except that the same rows come again.
        if read.pages > 1 and self._earlier != read.rows:
            return ReadAgain() if self._may_read_again else Deliver(NodeStatus.MISMATCHED, UNSTEADY)
        return Deliver(NodeStatus.VERIFIED, NO_STATE)

    def _moved(self, read: _Reading, after: PatchState | None) -> bool:
        """Returns whether a patching operation ended during the reading; a page without a state before is no sign."""
        if self.state is None and read.pages <= 1:
            return False
        return (self.state and self.state.fingerprint) != (after and after.fingerprint)

    def _start_over(self, read: _Reading, after: PatchState | None, *, was_refresh: bool) -> None:
        has_moved = after is None or self.state is None or self.state.fingerprint != after.fingerprint
        choice = self._rechoose(after) if self.is_refresh and has_moved and after is not None else ReadWhole()
        self._refresh = choice if isinstance(choice, Refresh) else None
        self._disagreed = not (has_moved or was_refresh)
        self._had_odd_rows = bool(read.odd_rows)
        self._earlier = read.rows if after is None else None
        self._read = None
        self._broken = 0
        self._rounds += 1
        self.restarts += 1
