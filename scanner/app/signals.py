"""Ctrl-C and SIGTERM: the phase under way is cancelled, what is in hand is finished, and all of it has a deadline."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
from anyio.abc import TaskStatus

FINISH_WITHIN_S = 25.0
"""From the signal to the end, below the 30 s that Docker, ECS and systemd users expect at most."""


class Stop:
    """Which signal came, if any, and what it cancels."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._phase: anyio.CancelScope | None = None
        self._told: list[Callable[[], None]] = []

    def tell(self, act: Callable[[], None]) -> None:
        """Do this too when a signal comes, or at once if one came already."""
        self._told.append(act)
        if self.signal_number is not None:
            act()

    @contextmanager
    def phase(self) -> Iterator[None]:
        """A part of the run that a signal ends, at once if one came already."""
        with anyio.CancelScope() as scope:
            self._phase = scope
            if self.signal_number is not None:
                scope.cancel()
            yield
        self._phase = None

    async def watch(
        self, everything: anyio.CancelScope, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Wait for signals; a second one does no more than the first."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                if self.signal_number is None:
                    self.signal_number = int(number)
                    everything.deadline = anyio.current_time() + FINISH_WITHIN_S
                    if self._phase is not None:
                        self._phase.cancel()
                    for act in self._told:
                        act()


@asynccontextmanager
async def stoppable() -> AsyncIterator[Stop]:
    """Signals are watched for while the block runs; who opened it looks at `signal_number` afterwards."""
    stop = Stop()
    async with anyio.create_task_group() as group:
        await group.start(stop.watch, group.cancel_scope)
        yield stop
        group.cancel_scope.cancel()
