"""Estimates the refill rate of the server's token bucket from the requests it accepts between two refusals.

A server-side token bucket refuses a request exactly when it is empty. It was empty at both refusals, so the requests
accepted in between, divided by the time in between, are its refill rate: measured, not guessed.
"""

from __future__ import annotations

from msgspec import Struct

#: How far below the measured rate a cut goes, and how far above it the climb passes as fast as below.
DIP = 0.10
#: Requests from the dip below to as far above, for each refusal of a cut: about 1 request in 120 is refused.
CLIMB_REQUESTS = 96
#: The same after a guess, which is to be measured soon.
GUESS_CLIMB_REQUESTS = 32
#: Nothing is sent after a cut until the bucket has got this many tokens.
REST_TOKENS = 3.0
#: A bucket that has given so many tokens more than the measurement explains is filled faster than measured.
SPARE_TOKENS = 2.0
#: How fast the rate grows while no measurement exists.
PROBE_FACTOR_PER_S = 4.0
#: A measurement over this many requests is good.
ENOUGH_REQUESTS = 16
#: With fewer requests than this between two refusals the limit has fallen so far that it must be searched for.
SOME_REQUESTS = 6
MAX_REFUSALS_PER_CUT = 8.0
#: What rounding may leave of a wait; no clock sleeps so little.
SHORTEST_WAIT_S = 1e-6
#: After a pause of this length the bucket may be full, and the time since the last cut measures nothing.
IDLE_S = 1.0


class Ticket(Struct, frozen=True):
    """Permits one request.

    `generation` counts the cuts made before it, so that an answer to a request from before the last cut is recognized;
    `tokens` is what the server's bucket should hold after it, going by the measurement.
    """

    generation: int
    tokens: float = 0.0


class RefillRateEstimator:
    """Estimates the rate of one (account, Region, operation) from times alone, in seconds of a monotonic clock.

    Args:
        rate_per_s: where to start.
        burst: how many requests may go out at once after a pause, or to make up for a late event loop.
        min_rate_per_s: the floor; it is never slower, whatever the server says.
        max_rate_per_s: the ceiling; it is never faster, whatever the server grants.
    """

    def __init__(self, *, rate_per_s: float, burst: float, min_rate_per_s: float, max_rate_per_s: float) -> None:
        self._floor = min_rate_per_s
        self._ceiling = max(max_rate_per_s, min_rate_per_s)
        self._rate = self._bounded(rate_per_s)
        self._spare_slots = max(burst, 1.0) - 1.0
        self._refill: float | None = None
        self._is_sure = False
        self._is_probing = True
        self._was_idle = False
        self._tokens = 0.0
        self._generation = 0
        self._mark = 0.0
        self._accepted = 0
        self._refusals = 0
        self._refusals_per_cut = 1.0
        self._due: float | None = None
        self._granted_at = 0.0

    @property
    def rate_per_s(self) -> float:
        """Returns the rate at this moment."""
        return self._rate

    def reserve(self, now: float) -> Ticket | float:
        """Returns a ticket to send at once, or the seconds to wait before the next try. Nothing is booked ahead."""
        if self._due is None:
            self._granted_at = self._mark = now
            self._due = now - self._spare_slots / self._rate
        if self._due - now > SHORTEST_WAIT_S:
            return self._due - now
        self._was_idle = self._was_idle or now - max(self._due, self._granted_at) > IDLE_S
        self._speed_up(now)
        slot = 1.0 / self._rate
        self._due = max(self._due, now - self._spare_slots * slot) + slot
        self._granted_at = now
        return Ticket(self._generation, self._tokens)

    def accepted(self, ticket: Ticket, now: float) -> None:  # noqa: ARG002 - the time of an acceptance measures nothing
        """Notes that the request of this ticket was let through."""
        self._accepted += 1
        if ticket.generation == self._generation and ticket.tokens < -SPARE_TOKENS:
            self._is_probing = True

    def throttled(self, ticket: Ticket, now: float) -> None:
        """Notes that the request of this ticket was refused as too fast."""
        self._refusals += 1
        if ticket.generation != self._generation:
            return
        self._learn_refusals()
        self._refill, self._is_sure = self._measured(now)
        self._rate = self._bounded((1.0 - DIP) * self._refill)
        self._due = now + REST_TOKENS / self._refill
        self._generation += 1
        self._mark = now
        self._accepted = 0
        self._refusals = 0
        self._tokens = REST_TOKENS
        self._is_probing = self._was_idle = False

    def _measured(self, now: float) -> tuple[float, bool]:
        """Returns the refill rate as far as this refusal shows it, and whether that is a good measurement."""
        if self._refill is None:
            return self._rate / 2.0, False
        if self._was_idle:
            return self._refill, False
        if self._is_probing:
            return max(self._refill, 0.75 * self._rate), False
        measured = self._accepted / max(now - self._mark, 1e-3)
        if self._accepted >= SOME_REQUESTS:
            return max(measured, self._floor), self._accepted >= ENOUGH_REQUESTS
        return max(measured, self._refill / 2.0, self._floor), False

    def _learn_refusals(self) -> None:
        """Learns how many requests a cut costs: those in flight are refused with it. Probes overshoot by design."""
        if self._is_sure and not self._is_probing:
            seen = min(max(float(self._refusals), 1.0), MAX_REFUSALS_PER_CUT)
            self._refusals_per_cut += 0.5 * (seen - self._refusals_per_cut)

    def _speed_up(self, now: float) -> None:
        """Raises the rate with every request or, while the limit is searched for, by the clock."""
        if self._is_probing or self._refill is None:
            if self._rate == self._ceiling:
                return
            passed = min(now - self._granted_at, 2.0 / self._rate)
            self._rate = self._bounded(self._rate * PROBE_FACTOR_PER_S**passed)
            return
        steps = CLIMB_REQUESTS * self._refusals_per_cut if self._is_sure else GUESS_CLIMB_REQUESTS
        self._rate = self._bounded(self._rate + 2.0 * DIP * self._refill / steps)
        self._tokens += self._refill / self._rate - 1.0

    def _bounded(self, rate: float) -> float:
        return min(max(rate, self._floor), self._ceiling)
