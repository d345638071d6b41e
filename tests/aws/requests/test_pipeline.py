"""Every request waits its turn, within bounds, and tells the limiter what became of it."""

from __future__ import annotations

import anyio
import pytest

from scanner.aws.operations import DESCRIBE_INSTANCE_PATCHES, OPERATIONS
from scanner.aws.requests.limiter import Limiters
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.requests.retry import RetryPolicy
from scanner.aws.transport.interface import ConnectionFailure, NoResponse, ServiceError
from scanner.core.errors import Denied, Unavailable
from scanner.core.model import CallCounts, Target
from scanner.core.settings import LimitSettings
from tests.fake_time import FakeTime

AT = Target("222222222222", "eu-west-1")
THROTTLE = ServiceError("ThrottlingException", "Rate exceeded", 400)


@pytest.fixture
def time():
    return FakeTime()


def funnel_of(time, *, rate_per_s=10.0, burst=1.0, in_flight=100, max_attempts=3):
    limits = LimitSettings(rate_per_s=rate_per_s, max_rate_per_s=rate_per_s, burst=burst, max_attempts=max_attempts)
    limiters = Limiters(limits, clock=time.clock, sleep=time.sleep)
    policy = RetryPolicy(max_attempts=max_attempts, throttle_patience_s=300.0, first_delay_s=0.0, max_delay_s=0.0)
    return RequestPipeline(
        limiters, anyio.Semaphore(in_flight, fast_acquire=True), policy, sleep=time.sleep, clock=time.clock
    )


class Server:
    """Answers with the errors it is given, one a request, and then well; notes when it was asked."""

    def __init__(self, time, *errors):
        self.time = time
        self.errors = list(errors)
        self.asked_at = []
        self.inside = self.most_inside = 0

    async def answer(self):
        self.asked_at.append(self.time.now)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            self.inside -= 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def call(pipeline, server, counts=None, at=AT):
    return await pipeline.call(DESCRIBE_INSTANCE_PATCHES, at, server.answer, counts=counts or CallCounts())


async def test_requests_keep_to_the_rate(time):
    pipeline, server = funnel_of(time), Server(time)
    async with anyio.create_task_group() as callers:
        for _ in range(11):
            callers.start_soon(call, pipeline, server)
    assert server.asked_at[-1] == pytest.approx(1.0, abs=0.15)


async def test_a_repeated_request_waits_for_its_turn_again(time):
    pipeline, server = funnel_of(time), Server(time, NoResponse(ConnectionFailure.CONNECTION, "reset"))
    await call(pipeline, server)
    assert server.asked_at == pytest.approx([0.0, 0.1])


async def test_a_throttle_slows_the_next_requests_down(time):
    pipeline, server = funnel_of(time), Server(time, THROTTLE)
    await call(pipeline, server)
    await call(pipeline, server)
    assert server.asked_at == pytest.approx([0.0, 0.6, 0.8], abs=0.03)


async def test_another_target_is_not_slowed_down(time):
    pipeline, server = funnel_of(time), Server(time, THROTTLE)
    await call(pipeline, server)
    before = time.now
    await call(pipeline, server, at=Target("333333333333", "eu-west-1"))
    assert time.now == before


async def test_requests_in_flight_are_bounded_over_all_targets(time):
    pipeline, server = funnel_of(time, burst=100.0, in_flight=3), Server(time)
    async with anyio.create_task_group() as callers:
        for number in range(20):
            callers.start_soon(call, pipeline, server, None, Target(f"{number:012}", "eu-west-1"))
    assert server.most_inside == 3


async def test_waiting_for_a_turn_holds_no_place_among_those_in_flight(time):
    pipeline, server = funnel_of(time, in_flight=1, rate_per_s=0.5), Server(time)
    await call(pipeline, server)
    async with anyio.create_task_group() as callers:
        callers.start_soon(call, pipeline, server)
        await anyio.lowlevel.checkpoint()
        with anyio.fail_after(300):
            await call(pipeline, server, at=Target("333333333333", "eu-west-1"))
        assert len(server.asked_at) == 2
        callers.cancel_scope.cancel()


async def test_what_was_sent_is_counted_however_it_ended(time):
    errors = [
        THROTTLE,
        NoResponse(ConnectionFailure.CONNECTION, "reset"),
        ServiceError("AccessDeniedException", "no", 400),
    ]
    pipeline, server, counts = funnel_of(time), Server(time, *errors), CallCounts()
    with pytest.raises(Denied):
        await call(pipeline, server, counts)
    assert counts == CallCounts(requests=3, throttles=1, retries=1)


async def test_attempts_are_those_of_the_settings(time):
    pipeline, server = (
        funnel_of(time, max_attempts=5),
        Server(time, *[NoResponse(ConnectionFailure.CONNECTION, "reset")] * 9),
    )
    with pytest.raises(Unavailable, match="tried 5 times"):
        await call(pipeline, server)
    assert len(server.asked_at) == 5


async def test_a_bug_of_our_own_is_not_taken_for_an_answer(time):
    server = Server(time, KeyError("our own"))
    with pytest.raises(KeyError):
        await call(funnel_of(time), server)
    assert len(server.asked_at) == 1


async def test_a_cancelled_request_gives_its_place_back(time):
    pipeline = funnel_of(time, burst=10.0, in_flight=1)
    with anyio.move_on_after(0.01):
        await pipeline.call(DESCRIBE_INSTANCE_PATCHES, AT, anyio.sleep_forever, counts=CallCounts())
    with anyio.fail_after(300):
        await call(pipeline, Server(time))


def test_every_operation_is_in_the_table_once():
    actions = [operation.iam_action for operation in OPERATIONS]
    assert sorted(actions) == sorted(set(actions))
    assert {str(operation) for operation in OPERATIONS} == set(actions)
