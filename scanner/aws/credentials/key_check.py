"""Finds out whether keys that a service refused are dead: STS answers GetCallerIdentity to any live keys, always."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from scanner.core.errors import (
    AwsError,
    CredentialsError,
    CredentialsExpired,
    KeysRefused,
    PatchsweepError,
    TokenRefused,
    Unavailable,
)
from scanner.core.interfaces import Clock

VALID_S = 30.0  # a thousand requests in flight are refused together: one question answers for all of them


class KeyCheck:
    """Asks STS about one set of keys, at most once in `VALID_S`.

    Args:
        identify: one GetCallerIdentity signed with the keys, retried but not judged.
        now: seconds since the epoch.
    """

    def __init__(self, identify: Callable[[], Awaitable[object]], now: Clock) -> None:
        self._identify = identify
        self._now = now
        self._asking = anyio.Lock()
        self._asked_at_s = float("-inf")
        self._refusal: PatchsweepError | None = None

    async def refusal(self) -> PatchsweepError | None:
        """Returns the error with which STS refuses the keys; None where it accepts them.

        Raises:
            AwsError: STS gave no answer to the question.
        """
        async with self._asking:
            if self._now() - self._asked_at_s >= VALID_S:
                self._refusal = await self._ask()
                self._asked_at_s = self._now()
            return self._refusal

    async def _ask(self) -> PatchsweepError | None:
        try:
            await self._identify()
        except (KeysRefused, CredentialsError) as refusal:
            return refusal
        except AwsError as error:
            if isinstance(error.__cause__, CredentialsExpired):
                return error
            raise
        return None


class RunKeys:
    """The keys of the run itself, for the request pipeline; the SDK loads and refreshes them.

    Dead keys stop the run: every further call would fail, and a Region would look disabled that is not.
    """

    def __init__(self, check: KeyCheck) -> None:
        self._check = check

    async def ready(self) -> int:
        """Returns 0: the SDK keeps no generations."""
        return 0

    async def renew(self, generation: int) -> None:  # noqa: ARG002 - the SDK renews before each request
        """Lets the request be tried again if STS accepts the keys.

        Raises:
            CredentialsError: it does not.
            AwsError: STS gave no answer.
        """
        refusal = await self._check.refusal()
        if refusal is not None:
            raise _dead(refusal)

    async def judge(self, refusal: KeysRefused) -> PatchsweepError:
        """Returns `CredentialsError` where STS refuses the keys too, else the refusal as this one service's own."""
        try:
            by_sts = await self._check.refusal()
        except AwsError as unknown:
            return not_judged(refusal, unknown)
        return accepted_by_sts(refusal) if by_sts is None else _dead(by_sts)


def _dead(refusal: PatchsweepError) -> CredentialsError:
    return CredentialsError(f"AWS does not accept the credentials of this run any more: {refusal}; renew them")


def accepted_by_sts(refusal: KeysRefused) -> AwsError:
    """Returns what a refusal means whose keys STS accepts."""
    if isinstance(refusal, TokenRefused):
        return TokenRefused(f"{refusal}; STS accepts the same keys", code=refusal.code)
    return Unavailable(
        f"{refusal}; STS accepts the same keys, so check whether a proxy changes requests on their way",
        code=refusal.code,
    )


def not_judged(refusal: KeysRefused, unknown: AwsError) -> AwsError:
    """Returns what a refusal means where STS could not be asked about the keys."""
    return Unavailable(f"{refusal}; STS could not be asked about the keys: {unknown}", code=refusal.code)
