"""What a scan needs to know besides its targets: the rules of reading, who takes the nodes, what is done already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from msgspec import Struct, field

from scanner.core.interfaces import Clock, Observer
from scanner.core.model import NodeScan, TargetOutcome
from scanner.core.settings import NodeSettings
from scanner.scan.choice import Choose, always_read_whole
from scanner.scan.estimate import MAX_BATCH_ROWS
from scanner.scan.filter_measure import FilterMeasure
from scanner.scan.question import Question

DeliverNode = Callable[[NodeScan], Awaitable[None]]  # takes a finished node; waits while the store or a sink is behind
EndTarget = Callable[[TargetOutcome], Awaitable[None]]  # takes the outcome of a target after its last node
NodesDone = Mapping[tuple[str, str], Collection[str]]  # ids by (account id, Region)


async def _ignore(_outcome: TargetOutcome) -> None:
    """Does nothing with the outcome: `scan_targets` returns it too."""


class ReadingRules(Struct, frozen=True):
    """How nodes are read: the State filter (empty: none), the states whose counts are compared, and the bounds.

    `nodes` says which machines are wanted, and which of their tags. `page_size` is how many patches a page has.
    `max_nodes` bounds the nodes of one target that are read side by side, `max_restarts` how often one is read again.
    """

    states: tuple[str, ...]
    comparable: frozenset[str]
    max_nodes: int
    max_restarts: int
    nodes: NodeSettings = NodeSettings()
    page_size: int = 50

    @property
    def whole(self) -> Question:
        """Returns what is asked of a node that is read whole."""
        return Question(self.states, self.comparable)


class ScanJob(Struct, frozen=True):
    """The work of one scan.

    `end_target` gets the outcome of each target after `deliver` got its last node. `done` holds the nodes that an
    interrupted run has delivered already, `done_baseline_ids` the baselines that they name. `choose` says what is done
    with a node of this patch state, `batch_rows` how many rows a batch of nodes has. `filtering` measures what filtered
    listings cost.
    """

    rules: ReadingRules
    max_open_targets: int
    deliver: DeliverNode
    now: Clock
    end_target: EndTarget = _ignore
    observers: Sequence[Observer] = ()
    done: NodesDone = {}
    done_baseline_ids: NodesDone = {}
    choose: Choose = always_read_whole
    batch_rows: int = MAX_BATCH_ROWS
    filtering: FilterMeasure = field(default_factory=FilterMeasure)
