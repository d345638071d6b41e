"""What a scan needs to know besides its targets: the rules of reading, who takes the nodes, what is done already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from msgspec import Struct

from scanner.core.interfaces import Clock, Observer
from scanner.core.model import NodeScan, PatchState, Target
from scanner.core.settings import NodeSettings

DeliverNode = Callable[[NodeScan], Awaitable[None]]  # takes a finished node; waits while the store or a sink is behind
NodesDone = Mapping[tuple[str, str], Collection[str]]  # ids by (account id, Region)


def never_unchanged(_target: Target, _state: PatchState) -> bool:
    """Returns False: a full scan reads every node."""
    return False


class ReadingRules(Struct, frozen=True):
    """How nodes are read: the State filter (empty: none), the states whose counts are compared, and the bounds.

    `nodes` says which machines are wanted, and which of their tags.
    `max_nodes` bounds the nodes of one target that are read side by side, `max_restarts` how often one is read again.
    """

    states: tuple[str, ...]
    comparable: frozenset[str]
    max_nodes: int
    max_restarts: int
    nodes: NodeSettings = NodeSettings()


class ScanJob(Struct, frozen=True):
    """The work of one scan.

    `done` holds the nodes that an interrupted run has delivered already, `done_baseline_ids` the baselines that they
    name. `is_unchanged` says whether a committed scan holds the rows of this very patch state, so that the node need
    not be read.
    """

    rules: ReadingRules
    max_open_targets: int
    deliver: DeliverNode
    now: Clock
    observers: Sequence[Observer] = ()
    done: NodesDone = {}
    done_baseline_ids: NodesDone = {}
    is_unchanged: Callable[[Target, PatchState], bool] = never_unchanged
