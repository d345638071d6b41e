"""The credentials of an assumed role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from botocore.credentials import ReadOnlyCredentials
from msgspec import Struct

from scanner.core.errors import Denied, Unavailable
from scanner.core.interfaces import Clock

RENEW_BEFORE_S = 900.0
"""Sessions are renewed this long before their end, or at three quarters of a shorter life."""
RENEW_AGAIN_S = 60.0
"""While a session still holds, a renewal that failed is tried again after this long."""


class SessionKeys(Struct, frozen=True):
    """One session of a role; `expires_at` in seconds since the epoch."""

    access_key: str
    secret_key: str
    token: str
    expires_at: float

    def __repr__(self) -> str:
        return f"SessionKeys(expires_at={self.expires_at})"


class RoleCredentials:
    """The session of a role, renewed in time. However many use it, one renewal is under way at most.

    A refusal is final: every further use raises the same `Denied` without asking again.
    """

    def __init__(self, assume: Callable[[], Awaitable[SessionKeys]], now: Clock) -> None:
        self._issue = 0
        self._assume = assume
        self._now = now
        self._keys: SessionKeys | None = None
        self._renew_at = 0.0
        self._refusal: Denied | None = None
        self._renewing = anyio.Lock()

    async def ready(self) -> int:
        """Have a session that holds for the next request; gives the number of its issue.

        Raises:
            Denied: the role is refused.
            Unavailable: there is no session, and none to be had.
        """
        if self._now() >= self._renew_at:
            async with self._renewing:
                if self._now() >= self._renew_at:
                    await self._renew_early()
        return self._issue

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys of a session that is ready; raises as `ready`."""
        await self.ready()
        keys = self._keys
        assert keys is not None
        return ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)

    async def renew(self, issue: int) -> None:
        """Replace this issue of the session, which AWS calls expired; does nothing if it is replaced already."""
        async with self._renewing:
            if issue == self._issue:
                await self._renew()

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
        self._issue += 1
