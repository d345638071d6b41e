"""Keeps the session of an assumed role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from botocore.credentials import ReadOnlyCredentials
from msgspec import Struct

from scanner.aws.credentials.key_check import KeyCheck, accepted_by_sts, not_judged
from scanner.core.errors import AwsError, Denied, KeysRefused, PatchsweepError, Unavailable
from scanner.core.interfaces import Clock

RENEW_BEFORE_S = 900.0  # sessions are renewed this long before their end, or at three quarters of a shorter life
RENEW_AGAIN_S = 60.0  # while a session still holds, a renewal that failed is tried again after this long


class SessionKeys(Struct, frozen=True):
    """One session of a role; `expires_at` in seconds since the epoch."""

    access_key: str
    secret_key: str
    token: str
    expires_at: float

    def __repr__(self) -> str:
        return f"SessionKeys(expires_at={self.expires_at})"


class RoleCredentials:
    """Holds the session of a role and renews it in time, in one renewal however many requests use it.

    A refusal is final: every further use raises the same `Denied` without another call.

    Args:
        assume: assumes the role once.
        identify: one GetCallerIdentity signed with given credentials, retried but not judged.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        assume: Callable[[], Awaitable[SessionKeys]],
        now: Clock,
        *,
        identify: Callable[[RoleCredentials], Awaitable[object]],
    ) -> None:
        self._generation = 0
        self._assume = assume
        self._now = now
        self._keys: SessionKeys | None = None
        self._renew_at = 0.0
        self._refusal: Denied | None = None
        self._renewing = anyio.Lock()
        self._check = KeyCheck(lambda: identify(self), now)

    async def ready(self) -> int:
        """Makes sure that there is a session for the next request; returns its generation.

        Raises:
            Denied: the role is refused.
            Unavailable: there is no session, and none can be opened now.
        """
        if self._now() >= self._renew_at:
            async with self._renewing:
                if self._now() >= self._renew_at:
                    await self._renew_early()
        return self._generation

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Returns the keys of a session that is ready; raises as `ready`."""
        await self.ready()
        keys = self._keys
        assert keys is not None
        return ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)

    async def renew(self, generation: int) -> None:
        """Replaces this generation of the session, which AWS calls expired, unless that was done already."""
        async with self._renewing:
            if generation == self._generation:
                await self._renew()

    async def judge(self, refusal: KeysRefused) -> PatchsweepError:
        """Returns what it means that a service refused the session, once STS was asked about it."""
        try:
            by_sts = await self._check.refusal()
        except AwsError as unknown:
            return not_judged(refusal, unknown)
        if by_sts is None:
            return accepted_by_sts(refusal)
        return Denied(f"{refusal}; STS does not accept the session of the role either ({by_sts})", code=refusal.code)

    async def _renew_early(self) -> None:
        try:
            await self._renew()
        except Unavailable:
            if self._keys is None or self._now() + RENEW_AGAIN_S >= self._keys.expires_at:
                raise
            self._renew_at = self._now() + RENEW_AGAIN_S

    async def _renew(self) -> None:
        if self._refusal is not None:
            raise Denied(str(self._refusal), code=self._refusal.code) from self._refusal
        try:
            keys = await self._assume()
        except Denied as refusal:
            self._refusal = refusal
            raise
        now = self._now()
        self._keys = keys
        self._renew_at = keys.expires_at - min(RENEW_BEFORE_S, (keys.expires_at - now) / 4)
        self._generation += 1
