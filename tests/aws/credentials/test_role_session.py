"""One session of a role for however many sign with it, renewed in time."""

from __future__ import annotations

import anyio
import pytest

from scanner.aws.credentials.role_session import RoleCredentials, SessionKeys
from scanner.core.errors import Denied, Unavailable
from tests.fake_time import FakeTime


class FakeSts:
    """Gives sessions of a set life, each with a number of its own, or raises what it is told to."""

    def __init__(self, time, life_s=3600.0):
        self.time = time
        self.life_s = life_s
        self.asked = 0
        self.error = None
        self.identified = 0
        self.identity_error = None
        self.on_asked = lambda: None

    async def identify(self, _role):
        self.identified += 1
        if self.identity_error is not None:
            raise self.identity_error

    async def assume(self):
        self.asked += 1
        number = self.asked
        self.on_asked()
        await anyio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        return SessionKeys(f"key-{number}", f"secret-{number}", f"token-{number}", self.time.now + self.life_s)


@pytest.fixture
def time():
    return FakeTime(1_000_000.0)


@pytest.fixture
def sts(time):
    return FakeSts(time)


@pytest.fixture
def role(sts, time):
    return RoleCredentials(sts.assume, time.clock, identify=sts.identify)


async def use(role):
    return (await role.get_frozen_credentials()).access_key


async def many(function, *arguments, times=20):
    async with anyio.create_task_group() as users:
        for _ in range(times):
            users.start_soon(function, *arguments)


async def test_nothing_is_asked_before_it_is_needed(role, sts):
    assert sts.asked == 0


async def test_many_users_share_one_session(role, sts):
    await many(use, role)
    assert sts.asked == 1
    keys = await role.get_frozen_credentials()
    assert (keys.access_key, keys.secret_key, keys.token) == ("key-1", "secret-1", "token-1")


async def test_a_session_is_renewed_before_its_end(role, sts, time):
    await use(role)
    time.now += 2699
    assert await use(role) == "key-1"
    time.now += 2
    await many(use, role)
    assert await use(role) == "key-2"
    assert sts.asked == 2


async def test_a_short_session_is_not_renewed_for_every_request(role, sts, time):
    sts.life_s = 900.0
    await use(role)
    time.now += 600
    assert await use(role) == "key-1"
    time.now += 100
    assert await use(role) == "key-2"


async def test_an_issue_that_expired_under_many_is_replaced_once(role, sts):
    await use(role)
    await many(role.renew, await role.ready())
    assert sts.asked == 2
    assert await use(role) == "key-2"


async def test_a_refusal_is_final(role, sts):
    sts.error = Denied("no such role", code="AccessDenied")
    for _ in range(3):
        with pytest.raises(Denied, match="no such role") as caught:
            await use(role)
        assert caught.value.code == "AccessDenied"
    with pytest.raises(Denied):
        await role.renew(0)
    assert sts.asked == 1


async def test_while_a_session_holds_a_failed_renewal_harms_nobody(role, sts, time):
    await use(role)
    sts.error = Unavailable("STS is down")
    time.now += 2800
    assert [await use(role) for _ in range(5)] == ["key-1"] * 5
    assert sts.asked == 2
    time.now += 60
    sts.error = None
    assert await use(role) == "key-3"


async def test_at_its_end_a_failed_renewal_is_told(role, sts, time):
    await use(role)
    sts.error = Unavailable("STS is down")
    time.now += 3599
    with pytest.raises(Unavailable, match="STS is down"):
        await use(role)


async def test_a_user_that_gives_up_does_not_keep_the_others_from_renewing(role, sts, time):
    with anyio.CancelScope() as scope:
        sts.on_asked = scope.cancel
        await use(role)
    assert scope.cancelled_caught
    with anyio.fail_after(300):
        assert await use(role) == "key-2"


async def test_secrets_do_not_show(role):
    await use(role)
    keys = SessionKeys("AKIA", "very-secret", "very-token", 1.0)
    for text in (repr(keys), str(keys), repr(role), str(role)):
        assert "very-secret" not in text
        assert "very-token" not in text
        assert "secret-1" not in text
