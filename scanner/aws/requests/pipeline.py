"""Takes every request to AWS: it waits for its turn, is counted, sent, understood and, where that helps, repeated."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import anyio
from msgspec import Struct

from scanner.aws.operations import Operation
from scanner.aws.requests.error_table import to_error
from scanner.aws.requests.limiter import Limiters
from scanner.aws.requests.retry import REPEATED, Monotonic, RetryPolicy, Sleep, repeat
from scanner.aws.transport.interface import NoResponse, ServiceError
from scanner.core.errors import AwsError, CredentialsExpired, KeysRefused, PatchsweepError, Throttled
from scanner.core.model import CallCounts, Target

T = TypeVar("T")


class SigningKeys(Protocol):
    """The keys that sign a request: those of an assumed role, or those of the run itself."""

    async def ready(self) -> int:
        """Makes sure that a request can be signed; returns the generation of the keys that will sign it."""
        ...

    async def renew(self, generation: int) -> None:
        """Replaces keys that AWS calls expired, unless another request replaced this generation already.

        Raises:
            AwsError: they cannot be replaced now.
            CredentialsError: they are the run's own, and AWS does not accept them any more.
        """
        ...

    async def judge(self, refusal: KeysRefused) -> PatchsweepError:
        """Returns what it means that a service refused these keys, once STS was asked about them."""
        ...


class _Call(Struct, Generic[T], frozen=True):
    """What is repeated."""

    operation: Operation
    at: Target
    attempt: Callable[[], Awaitable[T]]
    counts: CallCounts
    keys: SigningKeys | None


class RequestPipeline:
    """Takes a request through limiter, places in flight, sending, error table and retries.

    Waiting for a turn has no deadline; the time limits of connecting and reading are the HTTP client's.

    Args:
        limiters: the rate of each (account, Region, operation).
        in_flight: how many requests may be under way at once.
        policy: how often and how patiently to repeat.
        own_keys: the keys of the run, for requests that no role signs; None: a refusal is passed on unjudged.
        sleep: waits for seconds.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        limiters: Limiters,
        in_flight: anyio.Semaphore,
        policy: RetryPolicy,
        *,
        own_keys: SigningKeys | None = None,
        sleep: Sleep = anyio.sleep,
        clock: Monotonic = time.monotonic,
    ) -> None:
        self._limiters = limiters
        self._in_flight = in_flight
        self._policy = policy
        self._own_keys = own_keys
        self._sleep = sleep
        self._clock = clock

    async def call(
        self,
        operation: Operation,
        at: Target,
        attempt: Callable[[], Awaitable[T]],
        *,
        counts: CallCounts,
        keys: SigningKeys | None = None,
    ) -> T:
        """Runs `attempt`, one request of `operation` signed with `keys`, until it succeeds or fails for good.

        `attempt` raises `ServiceError` or `NoResponse` for what the network did, or an `AwsError` of its own.

        Raises:
            AwsError: what the error table says; never `Throttled`, `Transient` or `CredentialsExpired`.
            ConfigError: the request or the SDK's settings cannot work.
            CredentialsError: AWS does not accept the credentials of the run any more.
        """
        keys = keys or self._own_keys
        generation = 0
        try:
            try:
                if keys is not None:
                    generation = await keys.ready()
                return await self._send(operation, at, attempt, counts)
            except REPEATED as first:
                return await self._repeat(_Call(operation, at, attempt, counts, keys), first, generation)
        except KeysRefused as refusal:
            if keys is None:
                raise
            raise await keys.judge(refusal) from refusal

    async def _repeat(self, call: _Call[T], first: AwsError, generation: int) -> T:
        """Tries a request again that `first` ended, with keys renewed where the last try found them expired."""
        failure, keys = first, call.keys

        async def again() -> T:
            nonlocal generation, failure
            call.counts.retries += not isinstance(failure, Throttled)
            if isinstance(failure, CredentialsExpired) and keys is not None:
                await keys.renew(generation)
            try:
                if keys is not None:
                    generation = await keys.ready()
                return await self._send(call.operation, call.at, call.attempt, call.counts)
            except AwsError as error:
                failure = error
                raise

        can_renew = keys is not None
        return await repeat(again, first, self._policy, can_renew=can_renew, sleep=self._sleep, clock=self._clock)

    async def _send(
        self, operation: Operation, at: Target, attempt: Callable[[], Awaitable[T]], counts: CallCounts
    ) -> T:
        limiter = self._limiters.for_operation(at, operation.iam_action, operation.rate_per_s)
        ticket = limiter.acquire_nowait() or await limiter.acquire()
        try:
            # What `acquire` does besides, to look for a cancellation, the request does anyway.
            self._in_flight.acquire_nowait()
        except anyio.WouldBlock:
            await self._in_flight.acquire()
        try:
            counts.requests += 1
            answer = await attempt()
        except ServiceError as failure:
            error = to_error(failure, operation, at)
            if isinstance(error, Throttled):
                counts.throttles += 1
                limiter.throttled(ticket)
            else:
                limiter.accepted(ticket)
            raise error from failure
        except NoResponse as failure:
            raise to_error(failure, operation, at) from failure
        finally:
            self._in_flight.release()
        limiter.accepted(ticket)
        return answer
