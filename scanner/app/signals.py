"""Handles Ctrl-C, SIGTERM and SIGHUP: the phase is cancelled, delivered nodes are stored, all within a deadline."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
from anyio.abc import TaskStatus

FINISH_WITHIN_S = 25.0  # from the signal to the end: ECS kills a task 30 s after SIGTERM


class Stop:
    """Holds the signal that came, if any, and what it has to cancel."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._phase: anyio.CancelScope | None = None
        self._acts: list[Callable[[], None]] = []

    def stop(self, number: int) -> None:
        """Cancels the current phase and those to come as this signal does; a second call does no more."""
        if self.signal_number is not None:
            return
        self.signal_number = number
        if self._phase is not None:
            self._phase.cancel()
        for act in self._acts:
            act()

    def when_stopped(self, act: Callable[[], None]) -> None:
        """Calls `act` when a signal comes, or at once if one came already."""
        self._acts.append(act)
        if self.signal_number is not None:
            act()

    @contextmanager
    def phase(self) -> Iterator[None]:
        """Marks a part of the run that a signal cancels, at once if one came already."""
        with anyio.CancelScope() as scope:
            self._phase = scope
            if self.signal_number is not None:
                scope.cancel()
            yield
        self._phase = None

    async def watch(
        self, everything: anyio.CancelScope, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Waits for signals; a second one does no more than the first."""
        with anyio.open_signal_receiver(*_stop_signals()) as signals:
            task_status.started()
            async for number in signals:
                if self.signal_number is None:
                    everything.deadline = anyio.current_time() + FINISH_WITHIN_S
                    self.stop(int(number))


def _stop_signals() -> list[signal.Signals]:
    """Returns the signals that stop a run; a terminal that is closed sends SIGHUP, unless `nohup` has it ignored."""
    is_hung_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if is_hung_up else [])]


@asynccontextmanager
async def stoppable() -> AsyncIterator[Stop]:
    """Watches for signals while the block runs; the caller looks at `signal_number` afterwards."""
    stop = Stop()
    async with anyio.create_task_group() as group:
        await group.start(stop.watch, group.cancel_scope)
        yield stop
        group.cancel_scope.cancel()
