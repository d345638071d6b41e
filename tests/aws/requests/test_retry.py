"""One request is tried again for as long as that can help, on a clock that the test owns."""

from __future__ import annotations

import anyio
import pytest

from scanner.aws.requests.retry import MAX_REFRESHES, RetryPolicy, with_retries
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


def longest(_low: float, high: float) -> float:
    return high


async def run(script, time=None, **options):
    time = time or FakeTime()
    return await with_retries(script, POLICY, sleep=time.sleep, clock=time.clock, jitter=longest, **options)


async def test_a_passing_failure_is_tried_again_after_doubling_delays():
    time, script = FakeTime(), Script(*[Transient("torn")] * 3)
    assert await run(script, time) == "answer"
    assert time.naps == [1.0, 2.0, 4.0]


async def test_delays_are_drawn_between_zero_and_their_bound():
    time, bounds = FakeTime(), []

    def drawn(low, high):
        bounds.append((low, high))
        return high / 4

    script = Script(Transient("torn"), Transient("torn"))
    await with_retries(script, POLICY, sleep=time.sleep, clock=time.clock, jitter=drawn)
    assert bounds == [(0.0, 1.0), (0.0, 2.0)]
    assert time.naps == [0.25, 0.5]


async def test_delays_grow_up_to_the_cap_only():
    time, script = FakeTime(), Script(*[Throttled("fast")] * 6)
    await run(script, time)
    assert time.naps == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


async def test_attempts_are_bounded_and_the_last_error_is_the_cause():
    script = Script(*[Transient("torn", code="500")] * 9)
    with pytest.raises(Unavailable, match=r"torn \(tried 4 times; see limits.max_attempts\)") as caught:
        await run(script)
    assert script.tries == 4
    assert caught.value.code == "500"
    assert isinstance(caught.value.__cause__, Transient)


async def test_throttles_use_up_no_attempts():
    script = Script(Transient("torn"), *[Throttled("fast")] * 8, Transient("torn"), Transient("torn"))
    assert await run(script) == "answer"
    assert script.tries == 12


async def test_nothing_but_throttles_ends_when_patience_does():
    time = FakeTime()
    script = Script(*[Throttled("fast", code="ThrottlingException")] * 99)
    with pytest.raises(Unavailable, match="throttled for 60 s on end") as caught:
        await run(script, time)
    assert 60.0 <= time.now < 60.0 + POLICY.max_delay_s
    assert caught.value.code == "ThrottlingException"


async def test_patience_starts_anew_when_something_else_happens_between_throttles():
    # 4 + 6 x 8 s of throttles twice would outlast the patience, were they one row.
    script = Script(*[Throttled("fast")] * 8, Transient("torn"), *[Throttled("fast")] * 8)
    assert await run(script) == "answer"


async def test_expired_credentials_are_refreshed_and_tried_again_at_once():
    time, script, refreshes = FakeTime(), Script(CredentialsExpired("old")), []

    async def refresh():
        refreshes.append(script.tries)

    assert await run(script, time, refresh=refresh) == "answer"
    assert refreshes == [1]
    assert time.now == 0.0


async def test_a_session_that_ends_again_while_its_request_waits_is_renewed_again():
    script, refreshes = Script(*[CredentialsExpired("old")] * MAX_REFRESHES), []

    async def refresh():
        refreshes.append(script.tries)

    assert await run(script, refresh=refresh) == "answer"
    assert refreshes == [1, 2, 3]


async def test_credentials_that_are_never_accepted_end_the_call():
    script, refreshes = Script(*[CredentialsExpired("old", code="ExpiredToken")] * 9), []

    async def refresh():
        refreshes.append(script.tries)

    with pytest.raises(Unavailable, match="old"):
        await run(script, refresh=refresh)
    assert refreshes == [1, 2, 3]


async def test_expired_credentials_that_nobody_can_refresh_end_the_call_at_once():
    script = Script(CredentialsExpired("old"))
    with pytest.raises(Unavailable) as caught:
        await run(script)
    assert isinstance(caught.value.__cause__, CredentialsExpired)
    assert script.tries == 1


async def test_a_refused_refresh_says_so_itself():
    async def refused():
        raise Denied("no such role")

    with pytest.raises(Denied, match="no such role"):
        await run(Script(CredentialsExpired("old")), refresh=refused)


@pytest.mark.parametrize("error", [Denied("no"), AwsError("odd"), ConfigError("wrong"), KeyError("our own bug")])
async def test_what_cannot_pass_is_not_tried_again(error):
    script = Script(error)
    with pytest.raises(type(error)):
        await run(script)
    assert script.tries == 1


async def test_each_error_met_with_another_try_is_told():
    told = []
    errors = [Transient("torn"), Throttled("fast"), CredentialsExpired("old")]

    async def refresh():
        pass

    await run(Script(*errors), refresh=refresh, on_retry=told.append)
    assert told == errors


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
    assert RetryPolicy.of(limits) == RetryPolicy(3, 7.0, first_delay_s=0.5, max_delay_s=9.0)
