"""Progress on a terminal: a line of counts with the time left, a bar, and a line each for some of the open targets.

Events only count; drawing happens five times a second however many events there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from time import monotonic

from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from scanner.cli.pace import Pace, seconds_left
from scanner.core.interfaces import Observer
from scanner.core.model import CallCounts, NodeScan, Scope, Target, TargetOutcome
from scanner.core.safe_text import terminal_text
from scanner.reports.lines import counted, rough_duration

SLOTS = 8
DRAWS_PER_S = 5
_BAR_WIDTH = 24
_BETWEEN = " · "


class _Nodes(Struct):
    listed: int = 0
    ended: int = 0


class _Targets(Struct):
    found: int = 0
    opened: int = 0
    ended: int = 0


class _Publishing(Struct):
    sinks: Sequence[str]
    rows: int
    started: float
    published: int = 0


class Progress(Observer):
    """Counts, and draws what it counted."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._nodes = _Nodes()
        self._targets = _Targets()
        self._open: dict[Target, tuple[_Nodes, CallCounts]] = {}
        self._calls = CallCounts()  # of targets that ended
        self._pace = Pace(self._started)
        self._rows = 0
        self._node_gaps = 0
        self._target_gaps = 0
        self._scope = Scope("", "")
        self._publishing: _Publishing | None = None

    def scan_opened(self, scope: Scope) -> None:
        self._scope = scope

    def targets_found(self, count: int) -> None:
        self._targets.found = count

    def target_opened(self, target: Target, counts: CallCounts) -> None:
        self._open[target] = _Nodes(), counts
        self._targets.opened += 1

    def nodes_found(self, target: Target, count: int) -> None:
        self._nodes_of(target).listed += count
        self._nodes.listed += count

    def node_ended(self, scan: NodeScan) -> None:
        self._nodes_of(scan.target).ended += 1
        self._nodes.ended += 1
        self._rows += len(scan.patches)
        self._node_gaps += self._scope.is_node_gap(scan.status)

    def target_ended(self, outcome: TargetOutcome) -> None:
        seen, _ = self._open.pop(outcome.target, (None, None))
        if seen is None:
            self._targets.opened += 1
        elif not seen.ended:
            self._count_unseen(outcome, seen)
        self._targets.ended += 1
        self._calls.requests += outcome.requests
        self._calls.throttles += outcome.throttles
        self._target_gaps += self._scope.is_gap(outcome.status)

    def _count_unseen(self, outcome: TargetOutcome, seen: _Nodes) -> None:
        """Counts the nodes that other processes have read, of which nothing comes here but how many there were."""
        self._nodes.listed += max(outcome.nodes - seen.listed, 0)
        self._nodes.ended += outcome.nodes
        self._rows += outcome.patch_rows

    def publishing(self, sinks: Sequence[str], patch_rows: int) -> None:
        self._publishing = _Publishing(sinks, patch_rows, self._clock())

    def rows_published(self, patch_rows: int) -> None:
        if self._publishing is not None:
            self._publishing.published += patch_rows

    def _nodes_of(self, target: Target) -> _Nodes:
        return self._open.setdefault(target, (_Nodes(), CallCounts()))[0]

    def __rich__(self) -> RenderableType:
        """Returns the display as it is now."""
        if self._publishing is not None:
            return _line(self._published(self._publishing))
        # One C call each, so that an event between two draws cannot change the dict under the loop.
        shown = list(islice(self._open.items(), SLOTS))
        hidden = len(self._open) - len(shown)
        lines: list[RenderableType] = [_line(self._counts()), self._bar()]
        lines += [_line(f"  {target!s:<32} {_share(nodes)} nodes", "dim") for target, (nodes, _) in shown]
        if hidden > 0:
            lines.append(_line(f"  and {counted(hidden, 'target')} more open", "dim"))
        return Group(*lines)

    def _counts(self) -> str:
        targets = self._targets
        open_counts = [counts for _, counts in list(self._open.values())]
        calls = self._calls.requests + sum(counts.requests for counts in open_counts)
        throttles = self._calls.throttles + sum(counts.throttles for counts in open_counts)
        now = self._clock()
        self._pace.add(now, calls)
        left = seconds_left(now - self._started, self._nodes.ended, self._nodes.listed, targets.opened, targets.found)
        parts = [
            f"nodes {_share(self._nodes)}",
            f"targets {targets.ended:,}/{max(targets.found, targets.ended):,}",
            f"{counted(calls, 'call')}, {self._pace.per_s():.0f}/s",
            f"{throttles:,} throttled" if throttles else "",
            f"about {rough_duration(left)} left" if left is not None else "",
        ]
        return _BETWEEN.join(filter(None, parts))

    def _bar(self) -> Table:
        bar = Table.grid(padding=(0, 1))
        listed = self._nodes.listed
        text = _line(_clock_text(self._clock() - self._started), "cyan")
        text.append(f"{_BETWEEN}{counted(self._rows, 'patch row')}", style="default")
        if self._node_gaps or self._target_gaps:
            gaps = f"{counted(self._node_gaps, 'node')}, {counted(self._target_gaps, 'target')}"
            text.append(f"{_BETWEEN}problems: {gaps}", style="yellow")
        progress = ProgressBar(total=max(listed, 1), completed=min(self._nodes.ended, listed), width=_BAR_WIDTH)
        bar.add_row(progress, text)
        return bar

    def _published(self, publishing: _Publishing) -> str:
        rows = f"{min(publishing.published, publishing.rows):,}/{publishing.rows:,} patch rows"
        took = _clock_text(self._clock() - publishing.started)
        return _BETWEEN.join([f"publishing {rows}", took, f"to {', '.join(map(terminal_text, publishing.sinks))}"])


def _line(text: str, style: str = "") -> Text:
    """Returns one line that a narrow terminal cuts instead of wrapping it."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


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
