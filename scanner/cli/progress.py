"""Progress on a terminal: one bar over the nodes found, and a line each for some of the open targets.

Events only count; drawing happens five times a second however many events there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import monotonic

from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from scanner.core.model import NodeScan, Scope, Target, TargetOutcome
from scanner.reports.lines import counted

SLOTS = 8
DRAWS_PER_S = 5
_BAR_WIDTH = 24


class _Nodes(Struct):
    listed: int = 0
    ended: int = 0


class Progress:
    """An `Observer` that counts, and draws what it counted."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._total = _Nodes()
        self._open: dict[Target, _Nodes] = {}
        self._rows = 0
        self._targets_ended = 0
        self._node_gaps = 0
        self._target_gaps = 0
        self._scope = Scope("", "")

    def scan_opened(self, scope: Scope) -> None:
        self._scope = scope

    def target_opened(self, target: Target) -> None:
        self._open[target] = _Nodes()

    def nodes_found(self, target: Target, count: int) -> None:
        self._open.setdefault(target, _Nodes()).listed += count
        self._total.listed += count

    def node_ended(self, scan: NodeScan) -> None:
        self._open.setdefault(scan.target, _Nodes()).ended += 1
        self._total.ended += 1
        self._rows += len(scan.patches)
        self._node_gaps += self._scope.is_node_gap(scan.status)

    def target_ended(self, outcome: TargetOutcome) -> None:
        self._open.pop(outcome.target, None)
        self._targets_ended += 1
        self._target_gaps += self._scope.is_gap(outcome.status)

    def __rich__(self) -> Group:
        """Returns the display as it is now."""
        # One C call each, so that an event between two draws cannot change the dict under the loop.
        shown = list(islice(self._open.items(), SLOTS))
        hidden = len(self._open) - len(shown)
        lines: list[RenderableType] = [self._bar(), self._counts()]
        lines += [Text(f"  {target!s:<32} {_share(nodes)} nodes", style="dim") for target, nodes in shown]
        if hidden > 0:
            lines.append(Text(f"  and {counted(hidden, 'target')} more open", style="dim"))
        return Group(*lines)

    def _bar(self) -> Table:
        bar = Table.grid(padding=(0, 1))
        found = self._total.listed
        bar.add_row(
            Text("nodes"),
            ProgressBar(total=max(found, 1), completed=min(self._total.ended, found), width=_BAR_WIDTH),
            Text(_share(self._total) + " nodes (still listing)"),
            Text(_clock_text(self._clock() - self._started), style="cyan"),
        )
        return bar

    def _counts(self) -> Text:
        text = Text(f"  {counted(self._rows, 'patch row')}, {counted(self._targets_ended, 'target')} ended")
        if self._node_gaps or self._target_gaps:
            gaps = f"{counted(self._node_gaps, 'node')}, {counted(self._target_gaps, 'target')}"
            text.append(f", problems: {gaps}", style="yellow")
        return text


def _share(nodes: _Nodes) -> str:
    return f"{nodes.ended:,}/{nodes.listed:,}"


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


@contextmanager
def shown(progress: Progress) -> Iterator[None]:
    """Draws on stderr until the block ends, then leaves nothing of it; lines logged meanwhile scroll above."""
    console = Console(stderr=True)
    with Live(
        get_renderable=progress.__rich__,
        console=console,
        refresh_per_second=DRAWS_PER_S,
        transient=True,
        redirect_stdout=False,
    ):
        yield
