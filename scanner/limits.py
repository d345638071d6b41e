"""How fast AWS may be asked: one pure rate gauge per (account, Region, operation), and the queue in front of it."""

from __future__ import annotations

import time
from typing import Protocol

import anyio
from msgspec import Struct

from scanner.config import LimitSettings
from scanner.model import Target
from scanner.retry import Monotonic, Sleep

MAX_NAP_S = 0.1
"""A waiter looks again at least this often, since the rate may have risen meanwhile."""
CLEAN_INTERVAL_S = 1.0
"""After this long with requests let through and none throttled, the rate rises by `STEP_PER_S`."""
STEP_PER_S = 1.0
CUT = 0.5
WHOLE_TOKEN = 1.0 - 1e-9
"""Less than one by what rounding may lose: a waiter would otherwise be sent to sleep for no time at all."""


class Ticket(Struct, frozen=True):
    """Leave to send one request; `epoch` counts the cuts made before it, so that late news is told from new."""

    epoch: int


class Gauge(Protocol):
    """Decides on times alone, in seconds of a clock that never goes back; never waits itself."""

    def reserve(self, now: float) -> Ticket | float:
        """A ticket to send at once, or the seconds until it is worth asking again. Nothing is booked ahead."""
        ...

    def accepted(self, ticket: Ticket, now: float) -> None:
        """The request sent on this ticket was let through."""
        ...

    def throttled(self, ticket: Ticket, now: float) -> None:
        """The request sent on this ticket came too fast."""
        ...


class AimdGauge:
    """A token bucket whose rate is halved by a throttle and creeps up without: between floor and ceiling."""

    def __init__(self, *, rate_per_s: float, burst: float, min_rate_per_s: float, max_rate_per_s: float) -> None:
        self.rate_per_s = min(max(rate_per_s, min_rate_per_s), max_rate_per_s)
        self._burst = max(burst, 1.0)
        self._floor = min_rate_per_s
        self._ceiling = max_rate_per_s
        self._tokens = self._burst
        self._filled_at: float | None = None
        self._changed_at = 0.0
        self._is_proven = False
        self._epoch = 0

    def reserve(self, now: float) -> Ticket | float:
        self._advance(now)
        if self._tokens >= WHOLE_TOKEN:
            self._tokens -= 1.0
            return Ticket(self._epoch)
        return (1.0 - self._tokens) / self.rate_per_s

    def accepted(self, ticket: Ticket, now: float) -> None:
        self._advance(now)
        self._is_proven |= ticket.epoch == self._epoch

    def throttled(self, ticket: Ticket, now: float) -> None:
        self._advance(now)
        is_old_news = ticket.epoch != self._epoch
        is_just_cut = self._epoch > 0 and now - self._changed_at < CLEAN_INTERVAL_S
        if is_old_news or is_just_cut:
            return
        self.rate_per_s = max(self.rate_per_s * CUT, self._floor)
        self._tokens = 0.0
        self._epoch += 1
        self._changed_at = now
        self._is_proven = False

    def _advance(self, now: float) -> None:
        """Fill the bucket for the time gone by, and raise the rate if it was used without a throttle."""
        if self._filled_at is None:
            self._filled_at = self._changed_at = now
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self.rate_per_s)
        self._filled_at = now
        if self._is_proven and now - self._changed_at >= CLEAN_INTERVAL_S:
            self.rate_per_s = min(self.rate_per_s + STEP_PER_S, self._ceiling)
            self._changed_at = now
            self._is_proven = False


class Limiter:
    """The queue in front of a gauge: first come, first served, and only the head waiter looks at the clock."""

    def __init__(
        self,
        gauge: Gauge,
        *,
        clock: Monotonic = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._gauge = gauge
        self._clock = clock
        self._sleep = sleep
        self._head = anyio.Lock()

    async def acquire(self) -> Ticket:
        """Wait for leave to send one request."""
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

    def of(self, target: Target, operation: str, rate_per_s: float | None = None) -> Limiter:
        """The limiter of an operation in a target; `rate_per_s` where its start and ceiling are known beforehand."""
        key = (target.account_id, target.region, operation)
        if key not in self._limiters:
            self._limiters[key] = Limiter(self._gauge(rate_per_s), clock=self._clock, sleep=self._sleep)
        return self._limiters[key]

    def _gauge(self, rate_per_s: float | None) -> Gauge:
        limits = self._limits
        return AimdGauge(
            rate_per_s=rate_per_s or limits.rate_per_s,
            burst=limits.burst,
            min_rate_per_s=limits.min_rate_per_s,
            max_rate_per_s=rate_per_s or limits.max_rate_per_s,
        )
