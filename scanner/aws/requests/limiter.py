"""Limits how fast AWS is called: one rate estimator per (account, Region, operation), and the queue in front of it."""

from __future__ import annotations

import time

import anyio

from scanner.aws.requests.rate_estimator import RefillRateEstimator, Ticket
from scanner.aws.requests.retry import Monotonic, Sleep
from scanner.core.model import Target
from scanner.core.settings import LimitSettings

MAX_NAP_S = 0.1  # a waiter looks again at least this often, since the rate may have risen meanwhile


class Limiter:
    """Queues requests in front of an estimator: first come, first served, and only the first in line sleeps."""

    def __init__(
        self,
        estimator: RefillRateEstimator,
        *,
        clock: Monotonic = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._estimator = estimator
        self._clock = clock
        self._sleep = sleep
        # A free lock is taken without a turn of the event loop: nothing is gained by one.
        self._head = anyio.Lock(fast_acquire=True)

    def acquire_nowait(self) -> Ticket | None:
        """Returns the ticket of a request that may be sent at once; None if it has to wait, or others wait already."""
        if self._head.locked():
            return None
        answer = self._estimator.reserve(self._clock())
        return answer if isinstance(answer, Ticket) else None

    async def acquire(self) -> Ticket:
        """Waits until one request may be sent, and returns its ticket."""
        ticket = self.acquire_nowait()  # a lock costs more CPU than the estimator
        if ticket is not None:
            return ticket
        async with self._head:
            while True:
                answer = self._estimator.reserve(self._clock())
                if isinstance(answer, Ticket):
                    return answer
                await self._sleep(min(answer, MAX_NAP_S))

    def accepted(self, ticket: Ticket) -> None:
        """Notes that the server let the request through."""
        self._estimator.accepted(ticket, self._clock())

    def throttled(self, ticket: Ticket) -> None:
        """Notes that the server refused the request as too fast."""
        self._estimator.throttled(ticket, self._clock())


class Limiters:
    """Holds the limiters of a run, one for each (account, Region, operation), made when first needed."""

    def __init__(self, limits: LimitSettings, *, clock: Monotonic = time.monotonic, sleep: Sleep = anyio.sleep) -> None:
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._limiters: dict[tuple[str, str, str], Limiter] = {}

    def for_operation(self, target: Target, operation: str, rate_per_s: float | None = None) -> Limiter:
        """Returns the limiter of an operation in a target; `rate_per_s` is start and ceiling where they are known."""
        key = (target.account_id, target.region, operation)
        if key not in self._limiters:
            self._limiters[key] = Limiter(self._new_estimator(rate_per_s), clock=self._clock, sleep=self._sleep)
        return self._limiters[key]

    def _new_estimator(self, rate_per_s: float | None) -> RefillRateEstimator:
        limits = self._limits
        return RefillRateEstimator(
            rate_per_s=rate_per_s or limits.rate_per_s,
            burst=limits.burst,
            min_rate_per_s=limits.min_rate_per_s,
            max_rate_per_s=rate_per_s or limits.max_rate_per_s,
        )
