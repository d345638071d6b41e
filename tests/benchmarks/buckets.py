"""What the server grants: a token bucket for each (access key, Region, operation), and a record of what it did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tests.rate_server import Bucket


class Buckets:
    """Grants `rates` ((since when, tokens a second), …) with a burst; without rates, everything.

    Times count from the first request.
    """

    def __init__(self, rates: Sequence[tuple[float, float]], burst: float) -> None:
        self._rates = rates
        self._burst = burst
        self._started: float | None = None
        self._buckets: dict[object, Bucket] = {}
        self.answers: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)

    def grants(self, key: tuple[str, str, str], now: float) -> bool:
        """Whether a request is let through."""
        if not self._rates:
            return True
        if self._started is None:
            self._started = now
        if key not in self._buckets:
            self._buckets[key] = Bucket(self._rates, self._burst)
            self._buckets[key].filled_at = now - self._started
        granted = self._buckets[key].take(now - self._started)
        self.answers[key[2]].append((now - self._started, granted))
        return granted
