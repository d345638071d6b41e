"""Keeps Python's garbage collector away from objects that live until the scan ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from scanner.core.garbage_collection import collect_rarely
from scanner.core.interfaces import Observer
from scanner.core.model import CallCounts, Target


@contextmanager
def start_up_uncollected() -> Iterator[Observer]:
    """Turns the collector off until the observer sees the first target open, then lets it look at new objects, rarely.

    Modules, the SDK's models and its clients live until the end; a full collection that looks through them frees
    nothing and blocks the event loop for as long as reading a hundred pages takes.
    """
    before = gc.get_threshold()
    gc.disable()
    collect_rarely()
    try:
        yield _StartUp()
    finally:
        gc.set_threshold(*before)
        gc.enable()


class _StartUp(Observer):
    def __init__(self) -> None:
        self._lasts = True

    def target_opened(self, target: Target, counts: CallCounts) -> None:  # noqa: ARG002 - whichever it is
        if self._lasts:
            self._lasts = False
            gc.freeze()
            gc.enable()
