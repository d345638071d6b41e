"""Counts the requests that came and the faults that were applied."""

from __future__ import annotations

from collections import Counter

from scanner.simulator.running.buckets import Key


class Stats:
    """Counters by (account id, Region, operation); faults by the setting that turned them on."""

    def __init__(self) -> None:
        self.by_key: Counter[Key] = Counter()
        """Requests with a valid signature, throttled ones too."""
        self.throttled_by_key: Counter[Key] = Counter()
        self.errors: Counter[str] = Counter()
        """Error answers by code."""
        self.faults: Counter[str] = Counter()
        self.sdk_attempts: Counter[int] = Counter()
        """Requests by the attempt that the SDK says it is; direct clients that do not say count as 1."""
        self.in_flight = 0
        self.max_in_flight = 0

    def requests(
        self, operation: str | None = None, *, account_id: str | None = None, region: str | None = None
    ) -> int:
        """Returns how many requests came, of all or of those that match."""
        return _matching(self.by_key, account_id, region, operation)

    def throttled(
        self, operation: str | None = None, *, account_id: str | None = None, region: str | None = None
    ) -> int:
        """Returns how many of them were throttled."""
        return _matching(self.throttled_by_key, account_id, region, operation)

    @property
    def sdk_retries(self) -> int:
        """Returns how many requests an SDK sent again on its own."""
        return sum(count for attempt, count in self.sdk_attempts.items() if attempt > 1)


def _matching(counts: Counter[Key], *wanted: str | None) -> int:
    return sum(
        count
        for key, count in counts.items()
        if all(part is None or part == of_key for part, of_key in zip(wanted, key, strict=True))
    )
