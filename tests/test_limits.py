"""Requests keep to a rate that follows what AWS lets through."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.config import LimitSettings
from scanner.limits import MAX_NAP_S, AimdGauge, Limiter, Limiters, Ticket
from scanner.model import Target
from tests.fake_time import FakeTime


def gauge(**options):
    return AimdGauge(**({"rate_per_s": 10.0, "burst": 5.0, "min_rate_per_s": 1.0, "max_rate_per_s": 20.0} | options))


def taken(limit, now, most=1000):
    """The tickets to be had at one moment."""
    tickets = []
    while len(tickets) < most and isinstance(ticket := limit.reserve(now), Ticket):
        tickets.append(ticket)
    return tickets


def test_a_burst_is_let_through_and_then_the_rate_holds():
    limit = gauge()
    assert len(taken(limit, 0.0)) == 5
    assert limit.reserve(0.0) == pytest.approx(0.1)
    assert sum(len(taken(limit, step / 10)) for step in range(1, 11)) == pytest.approx(10, abs=1)


def test_an_idle_limiter_saves_up_no_more_than_a_burst():
    limit = gauge()
    taken(limit, 0.0)
    assert len(taken(limit, 1000.0)) == 5


def test_asking_books_nothing_ahead():
    limit = gauge()
    taken(limit, 0.0)
    for _ in range(50):
        assert limit.reserve(0.0) == pytest.approx(0.1)
    assert isinstance(limit.reserve(0.11), Ticket)


def test_a_throttle_halves_the_rate_and_empties_the_bucket():
    limit = gauge()
    ticket = limit.reserve(0.0)
    limit.throttled(ticket, 0.0)
    assert limit.rate_per_s == 5.0
    assert limit.reserve(0.0) == pytest.approx(0.2)


def test_throttles_of_requests_sent_before_the_cut_are_old_news():
    limit = gauge()
    tickets = taken(limit, 0.0)
    for ticket in tickets:
        limit.throttled(ticket, 3.0)
    assert limit.rate_per_s == 5.0


def test_within_a_second_of_a_cut_there_is_no_second_one():
    limit = gauge()
    limit.throttled(limit.reserve(0.0), 0.0)
    ticket = limit.reserve(0.5)
    limit.throttled(ticket, 0.6)
    assert limit.rate_per_s == 5.0
    limit.throttled(ticket, 1.1)
    assert limit.rate_per_s == 2.5


def test_the_rate_never_falls_below_the_floor():
    limit = gauge()
    for second in range(0, 100, 2):
        limit.throttled(limit.reserve(float(second)), float(second))
    assert limit.rate_per_s == 1.0


def test_the_rate_creeps_up_to_the_ceiling_while_requests_pass():
    limit = gauge(rate_per_s=10.0)
    rates = []
    for second in range(15):
        limit.accepted(limit.reserve(float(second)), float(second))
        rates.append(limit.rate_per_s)
    assert rates[:4] == [10.0, 11.0, 12.0, 13.0]
    assert rates[-1] == 20.0


def test_a_rate_that_nobody_uses_proves_nothing():
    limit = gauge()
    limit.reserve(0.0)
    limit.reserve(500.0)
    assert limit.rate_per_s == 10.0


def test_an_answer_from_before_the_cut_does_not_raise_the_rate():
    limit = gauge()
    late, early = limit.reserve(0.0), limit.reserve(0.0)
    limit.throttled(early, 0.0)
    limit.accepted(late, 0.5)
    limit.reserve(5.0)
    assert limit.rate_per_s == 5.0


def test_a_start_beyond_the_ceiling_is_the_ceiling():
    assert gauge(rate_per_s=99.0).rate_per_s == 20.0


events = st.lists(
    st.tuples(st.floats(0.0, 3.0, allow_nan=False), st.sampled_from(["reserve", "accepted", "throttled"])),
    max_size=200,
)


@given(events)
def test_whatever_happens_the_rate_stays_in_bounds_and_no_more_is_sent_than_it_allows(history):
    limit, now, ticket, sent = gauge(), 0.0, Ticket(0), 0
    for delay, event in history:
        now += delay
        if event == "reserve":
            answer = limit.reserve(now)
            if isinstance(answer, Ticket):
                ticket, sent = answer, sent + 1
            else:
                assert answer > 0.0
        else:
            getattr(limit, event)(ticket, now)
        assert 1.0 <= limit.rate_per_s <= 20.0
    assert sent <= 5.0 + 20.0 * now + 1e-6


async def test_waiters_are_served_in_the_order_they_came():
    time, served = FakeTime(), []
    limiter = Limiter(gauge(burst=1.0), clock=time.clock, sleep=time.sleep)

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
    limiter = Limiter(gauge(rate_per_s=1.0, burst=1.0), clock=time.clock, sleep=time.sleep)
    await limiter.acquire()
    await limiter.acquire()
    assert max(time.naps) == MAX_NAP_S


async def test_a_cut_holds_at_once_however_many_wait():
    time = FakeTime()
    limiter = Limiter(gauge(burst=1.0), clock=time.clock, sleep=time.sleep)
    times = []

    async def wait():
        await limiter.acquire()
        times.append(time.now)

    limiter.throttled(await limiter.acquire())
    async with anyio.create_task_group() as waiters:
        for _ in range(10):
            waiters.start_soon(wait)
    assert times == pytest.approx([0.2 * step for step in range(1, 11)], abs=0.02)


async def test_a_waiter_that_gives_up_leaves_the_queue_to_the_others():
    limiter = Limiter(gauge(burst=1.0))
    await limiter.acquire()
    with anyio.move_on_after(0):
        await limiter.acquire()
    with anyio.fail_after(5):
        await limiter.acquire()


def test_every_account_region_and_operation_has_a_limiter_of_its_own():
    limiters = Limiters(LimitSettings())
    one = limiters.of(Target("1", "eu-west-1"), "ssm:A")
    assert limiters.of(Target("1", "eu-west-1", "another name for it"), "ssm:A") is one
    others = [
        limiters.of(Target("2", "eu-west-1"), "ssm:A"),
        limiters.of(Target("1", "eu-west-2"), "ssm:A"),
        limiters.of(Target("1", "eu-west-1"), "ssm:B"),
    ]
    assert len({id(limiter) for limiter in [one, *others]}) == 4
