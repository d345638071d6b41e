"""Repeats a request for as long as that can help. No other layer retries: those of the SDK are off."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from msgspec import Struct
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_none,
    wait_random_exponential,
)
from tenacity.stop import StopBaseT
from tenacity.wait import WaitBaseT

from scanner.core.errors import AwsError, CredentialsExpired, Throttled, Transient, Unavailable
from scanner.core.settings import LimitSettings

T = TypeVar("T")
Attempt = Callable[[], Awaitable[T]]
Sleep = Callable[[float], Awaitable[None]]
Monotonic = Callable[[], float]  # seconds on a clock that never goes back, as `time.monotonic`

#: What another try may help against.
REPEATED = (Throttled, Transient, CredentialsExpired)
MAX_RENEWALS = 3  # a session may end again while its request waits for a turn; keys that are never accepted must end it


class RetryPolicy(Struct, frozen=True):
    """How often and how patiently: delays double from `first_delay_s` up to `max_delay_s`, with full jitter."""

    max_attempts: int
    throttle_patience_s: float
    first_delay_s: float
    max_delay_s: float

    @classmethod
    def from_limits(cls, limits: LimitSettings) -> RetryPolicy:
        """Returns the policy that the settings describe."""
        return cls(
            max_attempts=limits.max_attempts,
            throttle_patience_s=limits.throttle_patience_s,
            first_delay_s=limits.retry_first_delay_s,
            max_delay_s=limits.retry_max_delay_s,
        )


async def with_retries(
    attempt: Attempt[T],
    policy: RetryPolicy,
    *,
    can_renew: bool = False,
    sleep: Sleep = anyio.sleep,
    clock: Monotonic = time.monotonic,
) -> T:
    """Runs `attempt`, one request, until it succeeds or repeating it is no use.

    `Transient` uses up attempts. `Throttled` uses up none, only patience, which begins with the first throttle in a
    row. `CredentialsExpired` is tried again at once, `MAX_RENEWALS` times, where `can_renew` says that the next attempt
    begins with renewed credentials. Every other error passes. `attempt` must never be a listing: what a listing gave
    before it failed would be given again.

    Raises:
        Unavailable: attempts, patience or renewals are spent; its cause is the last error.
    """
    try:
        return await attempt()
    except REPEATED as error:
        return await repeat(attempt, error, policy, can_renew=can_renew, sleep=sleep, clock=clock)


async def repeat(
    attempt: Attempt[T],
    first: AwsError,
    policy: RetryPolicy,
    *,
    can_renew: bool = False,
    sleep: Sleep = anyio.sleep,
    clock: Monotonic = time.monotonic,
) -> T:
    """Goes on where a first try ended in `first`, one of `REPEATED`; does and raises what `with_retries` does.

    Nearly every request succeeds at once, and tenacity's three retryings would cost it 60 us.
    """
    attempts = policy.max_attempts - isinstance(first, Transient)
    renewals = MAX_RENEWALS - isinstance(first, CredentialsExpired) if can_renew else 0
    if not attempts or (isinstance(first, CredentialsExpired) and not can_renew):
        raise _spent(first, policy, can_renew=can_renew) from first
    # The first delay is the one below.
    delays = wait_random_exponential(multiplier=2.0 * policy.first_delay_s, max=policy.max_delay_s)

    async def past_throttles() -> T:
        return await throttled(attempt)

    async def past_failures() -> T:
        return await failing(past_throttles)

    throttled = _retrying(Throttled, _stop_after(policy.throttle_patience_s, clock), delays, sleep)
    failing = _retrying(Transient, stop_after_attempt(attempts), delays, sleep)
    expiring = _retrying(CredentialsExpired, stop_after_attempt(1 + renewals), wait_none(), sleep)
    if not isinstance(first, CredentialsExpired):
        await sleep(random.uniform(0.0, min(policy.first_delay_s, policy.max_delay_s)))  # noqa: S311 - jitter, no secret
    try:
        return await expiring(past_failures)
    except REPEATED as error:
        raise _spent(error, policy, can_renew=can_renew) from error


def _retrying(kind: type[AwsError], stop: StopBaseT, wait: WaitBaseT, sleep: Sleep) -> AsyncRetrying:
    return AsyncRetrying(retry=retry_if_exception_type(kind), stop=stop, wait=wait, sleep=sleep, reraise=True)


def _stop_after(patience_s: float, clock: Monotonic) -> Callable[[RetryCallState], bool]:
    """Returns a rule that stops `patience_s` after the first failure in a row, as the clock given measures it."""
    first_failure_s = 0.0

    def is_out_of_patience(state: RetryCallState) -> bool:
        nonlocal first_failure_s
        if state.attempt_number == 1:
            first_failure_s = clock()
        return clock() - first_failure_s >= patience_s

    return is_out_of_patience


def _spent(error: AwsError, policy: RetryPolicy, *, can_renew: bool) -> Unavailable:
    match error:
        case Throttled():
            why = f"throttled for {policy.throttle_patience_s:g} s on end; see limits.throttle_patience_s"
        case CredentialsExpired():
            why = "renewed credentials did no better" if can_renew else "they cannot be renewed"
        case _:
            times = "once" if policy.max_attempts == 1 else f"{policy.max_attempts} times"
            why = f"tried {times}; see limits.max_attempts"
    return Unavailable(f"{error} ({why})", code=error.code)
