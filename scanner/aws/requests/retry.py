"""The only retries: one request, tried again for as long as that can help."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

import anyio
from msgspec import Struct
from tenacity import AsyncRetrying

from scanner.core.errors import AwsError, CredentialsExpired, Throttled, Transient, Unavailable

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from scanner.core.settings import LimitSettings

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
Monotonic = Callable[[], float]
"""Seconds on a clock that never goes back, as `time.monotonic`."""


MAX_REFRESHES = 3
"""A session may end again while its request waits for a turn; credentials that are never accepted have to end it."""


class RetryPolicy(Struct, frozen=True):
    """How often and how patiently. Delays grow from `first_delay_s`, doubling up to `max_delay_s`, with full jitter."""

    max_attempts: int
    throttle_patience_s: float
    first_delay_s: float
    max_delay_s: float

    @classmethod
    def of(cls, limits: LimitSettings) -> RetryPolicy:
        return cls(
            max_attempts=limits.max_attempts,
            throttle_patience_s=limits.throttle_patience_s,
            first_delay_s=limits.retry_first_delay_s,
            max_delay_s=limits.retry_max_delay_s,
        )


async def with_retries(
    attempt: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    *,
    failure: AwsError | None = None,
    refresh: Callable[[], Awaitable[None]] | None = None,
    on_retry: Callable[[AwsError], None] | None = None,
    sleep: Sleep = anyio.sleep,
    clock: Monotonic = time.monotonic,
    jitter: Callable[[float, float], float] = random.uniform,
) -> T:
    """Run `attempt` until it succeeds or trying again is no use; after a `failure`, go on as if that was the first.

    `Transient` uses up attempts, `Throttled` only patience; `CredentialsExpired` is tried again after
    `refresh`, up to `MAX_REFRESHES` times.
    Every other error passes at once. `on_retry` is told of each error that is met with another try. `attempt` must be
    one request, never a listing: what a listing gave before it failed would be given again.

    Raises:
        Unavailable: attempts, patience or fresh credentials are spent; its cause is the last error.
    """
    if failure is None:
        try:
            return await attempt()
        except AwsError as error:
            # Nearly every request succeeds at once, and tenacity costs more CPU than signing and sending it.
            failure = error
    history = _History(policy, refresh, on_retry, clock, jitter)
    retrying = AsyncRetrying(
        sleep=sleep,
        retry=history.may_pass,
        wait=history.delay_s,
        stop=history.is_spent,
        before_sleep=history.prepare,
        retry_error_callback=history.give_up,
    )
    return await retrying(_replayed(failure, attempt))


def _replayed(error: AwsError, attempt: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """The attempts as tenacity is to see them: the one that failed already, then new ones."""
    failures = [error]

    async def again() -> T:
        if failures:
            raise failures.pop()
        return await attempt()

    return again


class _History:
    """What became of one request so far, and so what to do next."""

    def __init__(
        self,
        policy: RetryPolicy,
        refresh: Callable[[], Awaitable[None]] | None,
        on_retry: Callable[[AwsError], None] | None,
        clock: Monotonic,
        jitter: Callable[[float, float], float],
    ) -> None:
        self._policy = policy
        self._refresh = refresh
        self._on_retry = on_retry
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._throttles = 0
        self._throttled_since = 0.0
        self._refreshes = 0

    def may_pass(self, state: RetryCallState) -> bool:
        match _error(state):
            case Throttled():
                if self._throttles == 0:
                    self._throttled_since = self._clock()
                self._throttles += 1
                return True
            case Transient():
                self._failures += 1
                self._throttles = 0
                return True
            case CredentialsExpired():
                return True
            case _:
                return False

    def delay_s(self, state: RetryCallState) -> float:
        error = _error(state)
        if isinstance(error, CredentialsExpired):
            return 0.0
        tries = self._throttles if isinstance(error, Throttled) else self._failures
        doubled = self._policy.first_delay_s * 2.0 ** min(tries - 1, 32)
        return self._jitter(0.0, min(doubled, self._policy.max_delay_s))

    def is_spent(self, state: RetryCallState) -> bool:
        match _error(state):
            case Throttled():
                return self._clock() - self._throttled_since >= self._policy.throttle_patience_s
            case CredentialsExpired():
                return self._refreshes >= MAX_REFRESHES or self._refresh is None
            case _:
                return self._failures >= self._policy.max_attempts

    async def prepare(self, state: RetryCallState) -> None:
        error = _error(state)
        if self._on_retry is not None and isinstance(error, AwsError):
            self._on_retry(error)
        if isinstance(error, CredentialsExpired) and self._refresh is not None:
            self._refreshes += 1
            await self._refresh()

    def give_up(self, state: RetryCallState) -> NoReturn:
        error = _error(state)
        code = error.code if isinstance(error, AwsError) else ""
        raise Unavailable(f"{error} {self._how_hard(error)}", code=code) from error

    def _how_hard(self, error: BaseException | None) -> str:
        match error:
            case Throttled():
                return f"(throttled for {self._policy.throttle_patience_s:g} s on end; see limits.throttle_patience_s)"
            case CredentialsExpired():
                return "(and fresh ones are not to be had)" if self._refresh is None else "(fresh ones did no better)"
            case _:
                times = "once" if self._failures == 1 else f"{self._failures} times"
                return f"(tried {times}; see limits.max_attempts)"


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
