"""What a scan needs to know besides its targets: the rules of reading, who takes the nodes, what is done already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from msgspec import Struct

from scanner.core.interfaces import Clock, Observer
from scanner.core.model import NodeScan, PatchState, Target

DeliverNode = Callable[[NodeScan], Awaitable[None]]  # takes a finished node; waits while the store or a sink is behind
NodesDone = Mapping[tuple[str, str], Collection[str]]  # delivered instance ids by (account id, Region)


def never_unchanged(_target: Target, _state: PatchState) -> bool:
    """Returns False: a full scan reads every node."""
    return False


class ReadingRules(Struct, frozen=True):
    """How nodes are read: the State filter (empty: none), the states whose counts are compared, and the bounds.

    `is_filtered_by_ping` says that the listing of nodes leaves out managed nodes by their ping status.
    `tag_keys` are the keys of the tags that are delivered (empty: all but those of AWS).
    `max_nodes` bounds the nodes of one target that are read side by side, `max_restarts` how often one is read again.
    """

    states: tuple[str, ...]
    comparable: frozenset[str]
    max_nodes: int
    max_restarts: int
    is_filtered_by_ping: bool = False
    tag_keys: frozenset[str] = frozenset()


class ScanJob(Struct, frozen=True):
    """The work of one scan.

    `done` holds the nodes that an interrupted run has delivered already. `is_unchanged` says whether a committed scan
    holds the rows of this very patch state, so that the node need not be read.
    """

    rules: ReadingRules
    max_open_targets: int
    deliver: DeliverNode
    now: Clock
    observers: Sequence[Observer] = ()
    done: NodesDone = {}
    is_unchanged: Callable[[Target, PatchState], bool] = never_unchanged
