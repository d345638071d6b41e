"""A server's token bucket and many clients' requests, in virtual time: hours pass in milliseconds."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass
class Bucket:
    """Refills at a rate that may change; a refused request takes no token."""

    rates: Sequence[tuple[float, float]]
    burst: float
    tokens: float = field(init=False)
    filled_at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def rate(self, now: float) -> float:
        return [rate for since, rate in self.rates if since <= now][-1]

    def take(self, now: float) -> bool:
        for since, _ in self.rates:
            if self.filled_at < since < now:
                self._fill(since)
        self._fill(now)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    def _fill(self, now: float) -> None:
        rate = self.rate(self.filled_at)
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * rate)
        self.filled_at = now


class Gauge(Protocol):
    def reserve(self, now: float) -> object: ...
    def accepted(self, ticket, now: float) -> None: ...
    def throttled(self, ticket, now: float) -> None: ...


@dataclass
class Run:
    """When each request was answered, and whether it was let through."""

    answers: list[tuple[float, bool]]
    bucket: Bucket

    def useful(self, start: float, end: float) -> float:
        """Requests let through, as a share of what the bucket granted in this time."""
        granted, now = 0.0, start
        while now < end:
            granted += self.bucket.rate(now) * 0.1
            now += 0.1
        return sum(ok for at, ok in self.answers if start <= at < end) / granted

    def refused(self, start: float, end: float) -> float:
        """Requests refused, as a share of all that were sent in this time."""
        sent = [ok for at, ok in self.answers if start <= at < end]
        return sent.count(False) / max(len(sent), 1)


def run(
    estimator: Gauge,
    bucket: Bucket,
    *,
    until: float,
    workers: int = 50,
    latency_s: float = 0.04,
    late_s: float = 0.0,
    seed: int = 1,
    wants: Callable[[float], bool] = lambda now: True,
) -> Run:
    """Let this many workers send without end; `late_s` is how late the event loop is at most when it wakes one."""
    seeded_random = random.Random(seed)
    answers: list[tuple[float, bool]] = []
    in_flight: list[tuple[float, int, object, bool]] = []
    now, number = 0.0, 0
    while now < until:
        while in_flight and in_flight[0][0] <= now:
            at, _, ticket, ok = heapq.heappop(in_flight)
            answers.append((at, ok))
            (estimator.accepted if ok else estimator.throttled)(ticket, at)
        ahead = [in_flight[0][0]] if in_flight else []
        if len(in_flight) < workers and wants(now):
            answer = estimator.reserve(now)
            if not isinstance(answer, float):
                back = latency_s * seeded_random.uniform(0.8, 1.2)
                heapq.heappush(in_flight, (now + back, number, answer, bucket.take(now + back / 2)))
                number += 1
                continue
            ahead.append(now + min(answer, 0.1) + seeded_random.uniform(0.0, late_s))
        elif not ahead:
            ahead.append(now + 0.05)
        now = max(min(ahead), now + 1e-9)
    return Run(answers, bucket)
