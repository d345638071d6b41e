"""Limits the rate of requests: a token bucket for each (account, Region, operation)."""

from __future__ import annotations

from msgspec import Struct

from scanner.simulator.world.clock import Clock


class Rate(Struct, frozen=True):
    """A bucket of `burst` tokens that refills by `rate_per_s`; a request takes one."""

    rate_per_s: float = 10.0
    burst: float = 20.0


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """The rate of every bucket, with exceptions for some operations and a schedule of later rates."""

    default: Rate = Rate()
    operations: dict[str, Rate] = {}
    #: (seconds after the start, what `default` is from then on), in order of time.
    schedule: tuple[tuple[float, Rate], ...] = ()
    latency_s: float = 0.0  # Between a request and its answer


NO_LIMITS = Limits(default=Rate(rate_per_s=1e9, burst=1e9))

Key = tuple[str, str, str]  # Account id, Region, operation


class _Bucket:
    __slots__ = ("filled_at", "tokens")

    def __init__(self, tokens: float, filled_at: float) -> None:
        self.tokens = tokens
        self.filled_at = filled_at


class Buckets:
    """Holds all buckets of a running simulator."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._own: dict[Key, Rate] = {}
        self._clock = clock
        self._started_at = clock()
        self._buckets: dict[Key, _Bucket] = {}

    def take(self, key: Key) -> bool:
        """Takes a token; returns False where there is none and the request is throttled."""
        now, rate = self._clock(), self.rate_of(key)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(rate.burst, now)
        bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.filled_at) * rate.rate_per_s)
        bucket.filled_at = now
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True

    def rate_of(self, key: Key) -> Rate:
        """Returns the current rate."""
        if key in self._own:
            return self._own[key]
        if key[2] in self._limits.operations:
            return self._limits.operations[key[2]]
        rate = self._limits.default
        for after_s, later in self._limits.schedule:
            if self._clock() - self._started_at >= after_s:
                rate = later
        return rate

    def set_limits(self, limits: Limits) -> None:
        """Replaces the limits; the schedule starts now."""
        self._limits = limits
        self._started_at = self._clock()

    def set_rate(self, key: Key, rate: Rate) -> None:
        """Gives one bucket a rate of its own."""
        self._own[key] = rate
