"""Token buckets, by a clock that moves when told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.simulator.running.buckets import Buckets, Limits, Rate
from tests.simulator.clocks import HandClock

KEY = ("111122223333", "eu-west-1", "DescribeInstancePatches")
OTHER = ("111122223333", "us-east-1", "DescribeInstancePatches")


@given(
    rate=st.floats(0.5, 50),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)
def test_no_stretch_of_time_gives_more_than_burst_and_rate_allow(rate, burst, pauses):
    clock = HandClock()
    buckets = Buckets(Limits(default=Rate(rate, burst)), clock)
    started, passed = clock.now, 0
    for pause in pauses:
        clock.advance(pause)
        passed += buckets.take(KEY)
    assert passed <= burst + (clock.now - started) * rate + 1e-3


def test_a_bucket_fills_again_up_to_its_burst():
    clock = HandClock()
    buckets = Buckets(Limits(default=Rate(rate_per_s=10, burst=2)), clock)
    assert [buckets.take(KEY) for _ in range(3)] == [True, True, False]
    clock.advance(0.11)
    assert [buckets.take(KEY) for _ in range(2)] == [True, False]
    clock.advance(100)
    assert [buckets.take(KEY) for _ in range(3)] == [True, True, False]


def test_buckets_do_not_share():
    buckets = Buckets(Limits(default=Rate(rate_per_s=1, burst=1)), HandClock())
    assert buckets.take(KEY)
    assert not buckets.take(KEY)
    assert buckets.take(OTHER)


def test_rates_change_by_the_schedule():
    clock = HandClock()
    slow, fast = Rate(1, 1), Rate(100, 100)
    buckets = Buckets(Limits(default=slow, schedule=((60, fast), (120, slow))), clock)
    assert buckets.rate_of(KEY) is slow
    clock.advance(61)
    assert buckets.rate_of(KEY) is fast
    clock.advance(60)
    assert buckets.rate_of(KEY) is slow


def test_one_bucket_or_operation_can_have_a_rate_of_its_own():
    buckets = Buckets(Limits(operations={"ListAccounts": Rate(4, 4)}), HandClock())
    buckets.set_rate(KEY, Rate(7, 7))
    assert buckets.rate_of(KEY) == Rate(7, 7)
    assert buckets.rate_of(("1", "us-east-1", "ListAccounts")) == Rate(4, 4)
    assert buckets.rate_of(OTHER) == Rate()
