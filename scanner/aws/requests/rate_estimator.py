"""Finds the rate that a server grants by measuring it, where back-off schemes only saw around it.

A server-side token bucket refuses a request exactly when it is empty. Between two refusals it was empty at both ends,
so the requests it let through in between, by the time between, are its refill rate: measured, not guessed.
"""

from __future__ import annotations

from msgspec import Struct

DIP = 0.10  # How far below the measured rate a cut goes, and how far above it the climb passes as fast as below
#: From the dip below to as far above, for each refusal that comes with a cut: about 1 request in 120 is refused.
CLIMB_REQUESTS = 96
GUESS_CLIMB_REQUESTS = 32  # The same after a guess, which is to be measured soon
REST_TOKENS = 3.0  # Nothing is sent after a cut until the bucket has got this many tokens
#: A bucket that has given so many tokens more than the measurement explains is filled faster than measured.
SPARE_TOKENS = 2.0
PROBE_FACTOR_PER_S = 4.0  # How fast the pace grows while there is nothing to go by
ENOUGH = 16  # A measurement over this many requests is good
SOME = 6  # Below this many requests between two refusals the limit has fallen so far that it has to be looked for
MAX_REFUSALS_PER_CUT = 8.0
SHORTEST_WAIT_S = 1e-6  # What rounding may leave of a wait; nobody can sleep so little
IDLE_S = 1.0  # After a pause of this length the bucket may be full, and the time since the last cut measures nothing


class Ticket(Struct, frozen=True):
    """Leave to send one request.

    `epoch` counts the cuts made before it, so that late news is told from new; `tokens` is what the server's bucket
    should hold after it, going by the measurement.
    """

    epoch: int
    tokens: float = 0.0


class RefillRateEstimator:
    """The pace of one (account, Region, operation). Decides on times alone, in seconds of a clock that never goes back.

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
        self._epoch = 0
        self._mark = 0.0
        self._accepted = 0
        self._refusals = 0
        self._refusals_per_cut = 1.0
        self._due: float | None = None
        self._granted_at = 0.0

    @property
    def rate_per_s(self) -> float:
        """The pace at this moment."""
        return self._rate

    def reserve(self, now: float) -> Ticket | float:
        """A ticket to send at once, or the seconds until it is worth asking again. Nothing is booked ahead."""
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
        return Ticket(self._epoch, self._tokens)

    def accepted(self, ticket: Ticket, now: float) -> None:  # noqa: ARG002 - when it came tells nothing here
        """The request sent on this ticket was let through."""
        self._accepted += 1
        if ticket.epoch == self._epoch and ticket.tokens < -SPARE_TOKENS:
            self._is_probing = True

    def throttled(self, ticket: Ticket, now: float) -> None:
        """The request sent on this ticket came too fast."""
        self._refusals += 1
        if ticket.epoch != self._epoch:
            return
        self._learn_refusals()
        self._refill, self._is_sure = self._measured(now)
        self._rate = self._bounded((1.0 - DIP) * self._refill)
        self._due = now + REST_TOKENS / self._refill
        self._epoch += 1
        self._mark = now
        self._accepted = 0
        self._refusals = 0
        self._tokens = REST_TOKENS
        self._is_probing = self._was_idle = False

    def _measured(self, now: float) -> tuple[float, bool]:
        """The refill rate as far as this refusal tells it, and whether that is a good measurement."""
        if self._refill is None:
            return self._rate / 2.0, False
        if self._was_idle:
            return self._refill, False
        if self._is_probing:
            return max(self._refill, 0.75 * self._rate), False
        measured = self._accepted / max(now - self._mark, 1e-3)
        if self._accepted >= SOME:
            return max(measured, self._floor), self._accepted >= ENOUGH
        return max(measured, self._refill / 2.0, self._floor), False

    def _learn_refusals(self) -> None:
        """How many requests a cut costs: those in flight are refused with it. Probes overshoot by design."""
        if self._is_sure and not self._is_probing:
            seen = min(max(float(self._refusals), 1.0), MAX_REFUSALS_PER_CUT)
            self._refusals_per_cut += 0.5 * (seen - self._refusals_per_cut)

    def _speed_up(self, now: float) -> None:
        """Climb with every request; while the limit is being looked for, by the clock."""
        if self._is_probing or self._refill is None:
            passed = min(now - self._granted_at, 2.0 / self._rate)
            self._rate = self._bounded(self._rate * PROBE_FACTOR_PER_S**passed)
            return
        steps = CLIMB_REQUESTS * self._refusals_per_cut if self._is_sure else GUESS_CLIMB_REQUESTS
        self._rate = self._bounded(self._rate + 2.0 * DIP * self._refill / steps)
        self._tokens += self._refill / self._rate - 1.0

    def _bounded(self, rate: float) -> float:
        return min(max(rate, self._floor), self._ceiling)
