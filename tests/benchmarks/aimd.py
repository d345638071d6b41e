"""The usual way to find a rate, to compare with: a token bucket, halved by a throttle, creeping up without."""

from __future__ import annotations

STEP_PER_S = 1.0
CUT = 0.5
WHOLE_TOKEN = 1.0 - 1e-9


class AimdGauge:
    """Additive increase, multiplicative decrease; the interface of `RefillGauge`."""

    def __init__(self, *, rate_per_s: float, burst: float, min_rate_per_s: float, max_rate_per_s: float) -> None:
        self.rate_per_s = rate_per_s
        self._burst = self._tokens = burst
        self._floor, self._ceiling = min_rate_per_s, max_rate_per_s
        self._filled_at = self._cut_at = 0.0
        self._epoch = 0

    def reserve(self, now: float) -> int | float:
        """A ticket (the number of cuts so far), or the seconds to wait."""
        passed = now - self._filled_at
        self._tokens = min(self._burst, self._tokens + passed * self.rate_per_s)
        self.rate_per_s = min(self.rate_per_s + passed * STEP_PER_S, self._ceiling)
        self._filled_at = now
        if self._tokens < WHOLE_TOKEN:
            return (1.0 - self._tokens) / self.rate_per_s
        self._tokens -= 1.0
        return self._epoch

    def accepted(self, ticket: int, now: float) -> None:
        """Nothing to learn."""

    def throttled(self, ticket: int, now: float) -> None:
        """Halve the rate, once for all that was sent at it."""
        if ticket == self._epoch:
            self.rate_per_s = max(self.rate_per_s * CUT, self._floor)
            self._tokens = 0.0
            self._epoch += 1
