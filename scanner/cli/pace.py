"""How fast a scan goes and how long it may still take, from what it counts; pure."""

from __future__ import annotations

from collections import deque

WINDOW_S = 5.0  # over which calls a second are measured: long enough to be steady, short enough to show a throttle
_SURE_AFTER_S = 3.0  # before it, start-up is most of the time that passed
_SURE_AFTER_NODES = 10


class Pace:
    """Measures events a second over the last seconds."""

    def __init__(self, started: float) -> None:
        self._samples = deque([(started, 0)])

    def add(self, now: float, total: int) -> None:
        """Notes how many there were by now; older samples than the window needs are dropped."""
        self._samples.append((now, total))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_S:  # noqa: PLR2004 - the ends of a window
            self._samples.popleft()

    def per_s(self) -> float:
        """Returns the events a second, 0 where no time has passed."""
        (then, before), (now, total) = self._samples[0], self._samples[-1]
        return (total - before) / (now - then) if now > then else 0.0


def seconds_left(
    elapsed_s: float, nodes_ended: int, nodes_listed: int, targets_opened: int, targets_found: int
) -> float | None:
    """Returns about how long the nodes that are left take at the speed so far; None while that would be a guess.

    A target that is not open yet counts with as many nodes as the others have on average.
    """
    if elapsed_s < _SURE_AFTER_S or nodes_ended < _SURE_AFTER_NODES or not targets_opened:
        return None
    unopened = max(0, targets_found - targets_opened)
    nodes_left = nodes_listed - nodes_ended + unopened * nodes_listed / targets_opened
    return nodes_left * elapsed_s / nodes_ended
