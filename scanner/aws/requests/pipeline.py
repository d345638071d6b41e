"""The one way to AWS: every request waits its turn here, is counted, understood and, where that helps, repeated."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import anyio

from scanner.aws.operations import Operation
from scanner.aws.requests.error_table import meaning
from scanner.aws.requests.limiter import Limiters
from scanner.aws.requests.retry import Monotonic, RetryPolicy, Sleep, with_retries
from scanner.aws.transport.interface import NoResponse, ServiceError
from scanner.core.errors import AwsError, Throttled
from scanner.core.model import CallCounts, Target

T = TypeVar("T")


class Renewable(Protocol):
    """Credentials that can be had anew when AWS says that they have expired."""

    async def ready(self) -> int:
        """See to it that a request can be signed; gives the number of the issue it will be signed with."""
        ...

    async def renew(self, issue: int) -> None:
        """Have new ones, unless somebody replaced this issue already."""
        ...


class RequestPipeline:
    """Limiter, then room among the requests in flight, then the request, then the error table, then again or not.

    Waiting for a turn has no deadline; the time limits of connecting and reading are the HTTP client's.
    """

    def __init__(
        self,
        limiters: Limiters,
        in_flight: anyio.Semaphore,
        policy: RetryPolicy,
        *,
        sleep: Sleep = anyio.sleep,
        clock: Monotonic = time.monotonic,
    ) -> None:
        self._limiters = limiters
        self._in_flight = in_flight
        self._policy = policy
        self._sleep = sleep
        self._clock = clock

    async def call(
        self,
        operation: Operation,
        at: Target,
        attempt: Callable[[], Awaitable[T]],
        *,
        counts: CallCounts,
        credentials: Renewable | None = None,
    ) -> T:
        """Run `attempt`, one request of `operation`, until it succeeds or fails for good.

        `attempt` raises `ServiceError` or `NoAnswer` for what the network did, or an `AwsError` of its own.

        Raises:
            AwsError: what the error table says; never `Throttled`, `Transient` or `CredentialsExpired`.
            ConfigError: the request or the SDK's settings cannot work.
        """
        issue = 0

        async def once() -> T:
            nonlocal issue
            if credentials is not None:
                issue = await credentials.ready()
            return await self._send(operation, at, attempt, counts)

        try:
            return await once()
        except AwsError as error:
            failure = error

        async def renew() -> None:
            assert credentials is not None
            await credentials.renew(issue)

        def count(error: AwsError) -> None:
            counts.retries += not isinstance(error, Throttled)

        return await with_retries(
            once,
            self._policy,
            failure=failure,
            refresh=renew if credentials is not None else None,
            on_retry=count,
            sleep=self._sleep,
            clock=self._clock,
        )

    async def _send(
        self, operation: Operation, at: Target, attempt: Callable[[], Awaitable[T]], counts: CallCounts
    ) -> T:
        limiter = self._limiters.of(at, operation.iam_action, operation.rate_per_s)
        ticket = await limiter.acquire()
        await self._enter()
        try:
            counts.requests += 1
            answer = await attempt()
        except ServiceError as failure:
            error = meaning(failure, operation, at)
            if isinstance(error, Throttled):
                counts.throttles += 1
                limiter.throttled(ticket)
            else:
                limiter.accepted(ticket)
            raise error from failure
        except NoResponse as failure:
            raise meaning(failure, operation, at) from failure
        finally:
            self._in_flight.release()
        limiter.accepted(ticket)
        return answer

    async def _enter(self) -> None:
        try:
            # What `acquire` does besides, to look for a cancellation, the request does anyway.
            self._in_flight.acquire_nowait()
        except anyio.WouldBlock:
            await self._in_flight.acquire()
