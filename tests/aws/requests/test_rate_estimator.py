"""The gauge against a server's token bucket, over minutes of virtual time."""

from __future__ import annotations

import random
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.aws.requests.rate_estimator import REST_TOKENS, RefillRateEstimator, Ticket
from tests.rate_server import Bucket, run

SETTLES_WITHIN_S = 20.0
CEILING_PER_S = 400.0


def estimator(*, rate_per_s=10.0, burst=10.0, floor=0.5, ceiling=CEILING_PER_S):
    return RefillRateEstimator(rate_per_s=rate_per_s, burst=burst, min_rate_per_s=floor, max_rate_per_s=ceiling)


def tickets_at(subject, now, most=1_000):
    """The tickets that are granted at one moment."""
    tickets = []
    while len(tickets) < most and isinstance(ticket := subject.reserve(now), Ticket):
        tickets.append(ticket)
    return tickets


@pytest.mark.parametrize("late_s", [0.0, 0.005, 0.03], ids=["on time", "5 ms late", "30 ms late"])
@pytest.mark.parametrize(
    ("rates", "burst"),
    [
        ([(0, 20)], 40),
        ([(0, 5)], 40),
        ([(0, 50)], 40),
        ([(0, 5)], 10),
        ([(0, 100)], 200),
        ([(0, 20), (100, 5), (200, 50)], 40),
        ([(0, 35), (60, 18), (180, 60)], 60),
    ],
    ids=["20/s", "5/s", "50/s", "5/s shallow", "100/s", "20 to 5 to 50/s", "35 to 18 to 60/s"],
)
def test_what_is_granted_is_used_and_few_requests_are_refused_soon_after_every_change(rates, burst, late_s):
    until = 300.0
    result = run(estimator(), Bucket(rates, burst), until=until, late_s=late_s)

    changes = [since for since, _ in rates] + [until]
    for start, end in pairwise(changes):
        assert result.useful(start + SETTLES_WITHIN_S, end) >= 0.97
        assert result.refused(start + SETTLES_WITHIN_S, end) < 0.015


@pytest.mark.slow
def test_on_limits_latencies_and_bursts_it_was_not_tuned_for_it_holds_in_most_segments():
    seeded_random = random.Random(20_261_123)
    useful, refused = [], []
    for seed in range(20):
        rates = [(since, seeded_random.uniform(2, 80)) for since in (0, 100, 200)]
        bucket = Bucket(rates, seeded_random.uniform(5, 120))
        result = run(estimator(), bucket, until=300.0, latency_s=seeded_random.uniform(0.02, 0.3), seed=seed)
        for since, _ in rates:
            useful.append(result.useful(since + 40, since + 100))
            refused.append(result.refused(since + 40, since + 100))

    assert median(useful) >= 0.99
    assert min(useful) >= 0.95
    assert sum(share < 0.015 for share in refused) >= 0.8 * len(refused)


def test_it_never_goes_above_its_ceiling_though_nothing_is_refused():
    result = run(estimator(ceiling=20.0), Bucket([(0, 1_000)], 1_000), until=60.0)

    assert len(result.answers) <= 20 * 60 + 15
    assert len(result.answers) >= 0.97 * 20 * 55


def test_though_everything_is_refused_it_goes_on_asking_a_rest_after_each_refusal():
    result = run(estimator(burst=1.0, floor=2.0), Bucket([(0, 0.0)], 0.0), until=60.0)

    assert 38 <= len(result.answers) <= 60 / (REST_TOKENS / 2.0) + 2


def test_after_a_long_pause_it_goes_on_at_the_measured_rate_and_not_with_a_flood():
    busy = run(
        subject := estimator(),
        Bucket([(0, 20)], 40),
        until=240.0,
        wants=lambda now: not 60 <= now < 120,
    )

    in_the_first_second_back = [at for at, _ in busy.answers if 120 <= at < 121]
    assert len(in_the_first_second_back) <= 40
    assert busy.useful(150, 240) >= 0.97
    assert subject.rate_per_s == pytest.approx(20, rel=0.35)


def test_a_burst_goes_out_at_once_at_the_start_and_after_a_pause_and_then_the_pace_holds():
    subject = estimator(burst=5.0, ceiling=10.0)

    for start in (0.0, 100.0):
        assert len(tickets_at(subject, start)) == 5
        assert sum(len(tickets_at(subject, start + step / 10)) for step in range(1, 11)) == pytest.approx(10, abs=1)


def test_asking_books_nothing_ahead():
    subject = estimator(burst=1.0, ceiling=10.0)
    tickets_at(subject, 0.0)

    assert [subject.reserve(0.0) for _ in range(50)] == [pytest.approx(0.1)] * 50
    assert isinstance(subject.reserve(0.11), Ticket)


def test_a_refusal_of_a_request_sent_before_the_cut_does_not_cut_again():
    subject = estimator()
    first, second = subject.reserve(0.0), subject.reserve(1.0)
    subject.throttled(first, 1.1)
    rate_per_s = subject.rate_per_s

    subject.throttled(second, 1.2)

    assert subject.rate_per_s == rate_per_s


EVENTS = st.lists(
    st.tuples(st.floats(0, 5), st.sampled_from(["reserve", "accept", "refuse"])), min_size=1, max_size=200
)


@pytest.mark.slow
@given(EVENTS)
@settings(max_examples=200)
def test_whatever_happens_the_rate_stays_between_floor_and_ceiling_and_the_wait_is_finite(events):
    subject = estimator(floor=0.5, ceiling=30.0)
    now, tickets = 0.0, [Ticket(0)]
    for passed_s, event in events:
        now += passed_s
        if event == "reserve":
            answer = subject.reserve(now)
            if isinstance(answer, Ticket):
                tickets.append(answer)
            else:
                assert 0 < answer <= 3.0 / 0.5
        else:
            (subject.accepted if event == "accept" else subject.throttled)(tickets[-1], now)
        assert 0.5 <= subject.rate_per_s <= 30.0
