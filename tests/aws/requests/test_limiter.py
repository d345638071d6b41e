"""Requests keep to a rate that follows what AWS lets through."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest

from scanner.aws.requests.limiter import MAX_NAP_S, Limiter, Limiters
from scanner.aws.requests.rate_estimator import RefillRateEstimator
from scanner.core.model import Target
from scanner.core.settings import LimitSettings
from tests.fake_time import FakeTime


def estimator(rate_per_s=10.0):
    """One request at a time, at a rate that stays as it is while nothing is refused."""
    return RefillRateEstimator(
        rate_per_s=rate_per_s, burst=1.0, min_rate_per_s=rate_per_s / 4, max_rate_per_s=rate_per_s
    )


async def test_waiters_are_served_in_the_order_they_came():
    time, served = FakeTime(), []
    limiter = Limiter(estimator(), clock=time.clock, sleep=time.sleep)

    async def wait(name):
        await limiter.acquire()
        served.append(name)

    async with anyio.create_task_group() as waiters:
        for name in range(20):
            waiters.start_soon(wait, name)
    assert served == list(range(20))
    assert time.now == pytest.approx(1.9, abs=0.05)


async def test_a_waiter_naps_shortly_since_the_rate_may_rise():
    time = FakeTime()
    limiter = Limiter(estimator(rate_per_s=1.0), clock=time.clock, sleep=time.sleep)
    await limiter.acquire()
    await limiter.acquire()
    assert max(time.naps) == MAX_NAP_S


async def test_a_cut_holds_at_once_however_many_wait():
    time = FakeTime()
    limiter = Limiter(estimator(), clock=time.clock, sleep=time.sleep)
    times = []

    async def wait():
        await limiter.acquire()
        times.append(time.now)

    limiter.throttled(await limiter.acquire())
    async with anyio.create_task_group() as waiters:
        for _ in range(10):
            waiters.start_soon(wait)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] == pytest.approx(0.6, abs=0.01)
    assert all(0.15 < gap < 0.25 for gap in gaps)


async def test_a_waiter_that_gives_up_leaves_the_queue_to_the_others():
    limiter = Limiter(estimator())
    await limiter.acquire()
    with anyio.move_on_after(0):
        await limiter.acquire()
    with anyio.fail_after(300):
        await limiter.acquire()


def test_every_account_region_and_operation_has_a_limiter_of_its_own():
    limiters = Limiters(LimitSettings())
    one = limiters.for_operation(Target("1", "eu-west-1"), "ssm:A")
    assert limiters.for_operation(Target("1", "eu-west-1", "another name for it"), "ssm:A") is one
    others = [
        limiters.for_operation(Target("2", "eu-west-1"), "ssm:A"),
        limiters.for_operation(Target("1", "eu-west-2"), "ssm:A"),
        limiters.for_operation(Target("1", "eu-west-1"), "ssm:B"),
    ]
    assert len({id(limiter) for limiter in [one, *others]}) == 4
