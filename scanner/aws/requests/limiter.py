"""How fast AWS may be asked: one pure rate gauge per (account, Region, operation), and the queue in front of it."""

from __future__ import annotations

import time

import anyio

from scanner.aws.requests.rate_estimator import RefillRateEstimator, Ticket
from scanner.aws.requests.retry import Monotonic, Sleep
from scanner.core.model import Target
from scanner.core.settings import LimitSettings

MAX_NAP_S = 0.1  # A waiter looks again at least this often, since the rate may have risen meanwhile


class Limiter:
    """The queue in front of a gauge: first come, first served, and only the head waiter looks at the clock."""

    def __init__(
        self,
        estimator: RefillRateEstimator,
        *,
        clock: Monotonic = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._gauge = estimator
        self._clock = clock
        self._sleep = sleep
        # Nothing is gained by letting others run before a place that is free is taken.
        self._head = anyio.Lock(fast_acquire=True)

    async def acquire(self) -> Ticket:
        """Wait for leave to send one request."""
        if not self._head.locked():
            # Nobody waits, so nobody is passed by; a lock costs more CPU than the gauge.
            answer = self._gauge.reserve(self._clock())
            if isinstance(answer, Ticket):
                return answer
        async with self._head:
            while True:
                answer = self._gauge.reserve(self._clock())
                if isinstance(answer, Ticket):
                    return answer
                await self._sleep(min(answer, MAX_NAP_S))

    def accepted(self, ticket: Ticket) -> None:
        self._gauge.accepted(ticket, self._clock())

    def throttled(self, ticket: Ticket) -> None:
        self._gauge.throttled(ticket, self._clock())


class Limiters:
    """Every limiter of a run, one for each (account, Region, operation), made when first asked for."""

    def __init__(self, limits: LimitSettings, *, clock: Monotonic = time.monotonic, sleep: Sleep = anyio.sleep) -> None:
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._limiters: dict[tuple[str, str, str], Limiter] = {}

    def for_operation(self, target: Target, operation: str, rate_per_s: float | None = None) -> Limiter:
        """The limiter of an operation in a target; `rate_per_s` where its start and ceiling are known beforehand."""
        key = (target.account_id, target.region, operation)
        if key not in self._limiters:
            self._limiters[key] = Limiter(self._gauge(rate_per_s), clock=self._clock, sleep=self._sleep)
        return self._limiters[key]

    def _gauge(self, rate_per_s: float | None) -> RefillRateEstimator:
        limits = self._limits
        return RefillRateEstimator(
            rate_per_s=rate_per_s or limits.rate_per_s,
            burst=limits.burst,
            min_rate_per_s=limits.min_rate_per_s,
            max_rate_per_s=rate_per_s or limits.max_rate_per_s,
        )
