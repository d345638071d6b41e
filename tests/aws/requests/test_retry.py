"""One request is tried again for as long as that can help, on a clock that the test owns."""

from __future__ import annotations

import anyio
import pytest

from scanner.aws.requests.retry import MAX_RENEWALS, RetryPolicy, with_retries
from scanner.core.errors import AwsError, ConfigError, CredentialsExpired, Denied, Throttled, Transient, Unavailable
from scanner.core.settings import LimitSettings
from tests.fake_time import FakeTime

POLICY = RetryPolicy(max_attempts=4, throttle_patience_s=60.0, first_delay_s=1.0, max_delay_s=8.0)


class Script:
    """An attempt that raises its errors one after the other and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.tries = 0
        self._errors = iter(errors)

    async def __call__(self) -> str:
        self.tries += 1
        error = next(self._errors, None)
        if error is not None:
            raise error
        return "answer"


@pytest.fixture
def longest(monkeypatch):
    """Jitter that always draws the longest delay."""
    monkeypatch.setattr("random.uniform", lambda _low, high: high)


async def run(script, time=None, *, policy=POLICY, can_renew=False):
    time = time or FakeTime()
    return await with_retries(script, policy, can_renew=can_renew, sleep=time.sleep, clock=time.clock)


@pytest.mark.usefixtures("longest")
async def test_a_passing_failure_is_tried_again_after_doubling_delays():
    time, script = FakeTime(), Script(*[Transient("torn")] * 3)
    assert await run(script, time) == "answer"
    assert time.naps == [1.0, 2.0, 4.0]


async def test_delays_are_drawn_between_zero_and_their_bound(monkeypatch):
    bounds = []

    def drawn(low, high):
        bounds.append((low, high))
        return high / 4

    monkeypatch.setattr("random.uniform", drawn)
    time, script = FakeTime(), Script(Transient("torn"), Transient("torn"))
    await run(script, time)
    assert bounds == [(0.0, 1.0), (0, 2.0)]
    assert time.naps == [0.25, 0.5]


@pytest.mark.usefixtures("longest")
@pytest.mark.parametrize("kind", [Throttled, Transient])
async def test_delays_grow_up_to_the_cap_only(kind):
    time, script = FakeTime(), Script(*[kind("not now")] * 6)
    await run(script, time, policy=RetryPolicy(9, 60.0, first_delay_s=1.0, max_delay_s=8.0))
    assert time.naps == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_attempts_are_bounded_and_the_last_error_is_the_cause(attempts):
    script = Script(*[Transient("torn", code="500")] * 9)
    times = "once" if attempts == 1 else f"{attempts} times"
    with pytest.raises(Unavailable, match=rf"torn \(tried {times}; see limits.max_attempts\)") as caught:
        await run(script, policy=RetryPolicy(attempts, 60.0, 1.0, 8.0))
    assert script.tries == attempts
    assert caught.value.code == "500"
    assert isinstance(caught.value.__cause__, Transient)


@pytest.mark.parametrize("first", [Transient("torn"), Throttled("fast")])
async def test_throttles_use_up_no_attempts(first):
    others = [Transient("torn"), Transient("torn")] + ([] if isinstance(first, Transient) else [Transient("torn")])
    script = Script(first, *[Throttled("fast")] * 6, *others)
    assert await run(script) == "answer"


async def test_nothing_but_throttles_ends_when_patience_does():
    time = FakeTime()
    script = Script(*[Throttled("fast", code="ThrottlingException")] * 999)
    with pytest.raises(Unavailable, match="throttled for 60 s on end") as caught:
        await run(script, time)
    assert 60.0 <= time.now < 60.0 + 2 * POLICY.max_delay_s
    assert caught.value.code == "ThrottlingException"


@pytest.mark.usefixtures("longest")
async def test_patience_starts_again_when_something_else_happens_between_throttles():
    # 2 + 4 + 6 x 8 s of throttles twice would outlast the patience, were they one row.
    script = Script(*[Throttled("fast")] * 8, Transient("torn"), *[Throttled("fast")] * 8)
    assert await run(script) == "answer"


async def test_a_long_wait_before_the_first_throttle_is_no_part_of_the_patience():
    time, errors = FakeTime(), [Transient("torn"), Throttled("fast"), Throttled("fast")]

    async def slow():
        time.now += 500.0
        if errors:
            raise errors.pop(0)
        return "answer"

    assert await run(slow, time, policy=RetryPolicy(4, 600.0, 1.0, 8.0)) == "answer"


async def test_expired_credentials_are_tried_again_at_once():
    time, script = FakeTime(), Script(*[CredentialsExpired("old")] * MAX_RENEWALS)
    assert await run(script, time, can_renew=True) == "answer"
    assert time.now == 0.0


async def test_credentials_that_are_never_accepted_end_the_call():
    script = Script(*[CredentialsExpired("old", code="ExpiredToken")] * 9)
    with pytest.raises(Unavailable, match=r"old \(renewed credentials did no better\)") as caught:
        await run(script, can_renew=True)
    assert script.tries == 1 + MAX_RENEWALS
    assert caught.value.code == "ExpiredToken"
    assert isinstance(caught.value.__cause__, CredentialsExpired)


async def test_renewals_are_counted_over_other_failures():
    mixed = [error for _ in range(9) for error in (CredentialsExpired("old"), Transient("torn"))]
    with pytest.raises(Unavailable, match="old"):
        await run(Script(*mixed), can_renew=True)


async def test_expired_credentials_that_cannot_be_renewed_end_the_call_at_once():
    script = Script(CredentialsExpired("old"))
    with pytest.raises(Unavailable, match="they cannot be renewed") as caught:
        await run(script)
    assert isinstance(caught.value.__cause__, CredentialsExpired)
    assert script.tries == 1


@pytest.mark.parametrize("error", [Denied("no"), AwsError("odd"), ConfigError("wrong"), KeyError("our own bug")])
@pytest.mark.parametrize("before", [[], [Transient("torn")], [Throttled("fast"), Transient("torn")]])
async def test_what_cannot_pass_is_not_tried_again(error, before):
    script = Script(*before, error)
    with pytest.raises(type(error)):
        await run(script)
    assert script.tries == 1 + len(before)


async def test_a_cancelled_call_is_not_tried_again():
    tries = 0

    async def hang():
        nonlocal tries
        tries += 1
        await anyio.sleep_forever()

    with anyio.move_on_after(0.01) as scope:
        await with_retries(hang, POLICY)
    assert scope.cancelled_caught
    assert tries == 1


def test_the_policy_follows_the_settings():
    limits = LimitSettings(max_attempts=3, throttle_patience_s=7.0, retry_first_delay_s=0.5, retry_max_delay_s=9.0)
    assert RetryPolicy.from_limits(limits) == RetryPolicy(3, 7.0, first_delay_s=0.5, max_delay_s=9.0)
