"""Chooses the credentials of the current task's requests.

Accounts share one client per Region; a context variable holds the role. A client of its own for each (account, Region)
would cost 15 to 100 ms of CPU, and new connections, each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from scanner.aws.credentials.providers import check_keys, provider_error
from scanner.aws.credentials.role_session import RoleCredentials

if TYPE_CHECKING:
    from aiobotocore.credentials import AioCredentials
    from botocore.credentials import ReadOnlyCredentials

_role: ContextVar[RoleCredentials | None] = ContextVar("current_role", default=None)


@contextmanager
def signed_as(role: RoleCredentials | None) -> Iterator[None]:
    """Has the requests made inside signed as a role; None is the run itself."""
    before = _role.set(role)
    try:
        yield
    finally:
        _role.reset(before)


class CurrentRoleCredentials:
    """Stands for credentials in every client: those of the current role or, without one, those of the run.

    Args:
        own: the credentials of the run, as the SDK loaded them.
        profile: the profile they belong to, for messages.
    """

    method = "current-role"

    def __init__(self, own: AioCredentials, profile: str) -> None:
        self._own = own
        self._profile = profile
        self._checked: ReadOnlyCredentials | None = None

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Returns the keys to sign with, refreshed where that is due.

        Raises:
            CredentialsError: those of the run cannot be refreshed or used.
            AwsError: the role's session cannot be opened.
        """
        role = _role.get()
        if role is not None:
            return await role.get_frozen_credentials()
        try:
            keys: ReadOnlyCredentials = await self._own.get_frozen_credentials()
        except Exception as error:
            raise provider_error(error, self._own.method, self._profile) from error
        if keys != self._checked:
            check_keys(keys, self._own.method, self._profile)
            self._checked = keys
        return keys

    async def get_account_id(self) -> None:
        """Returns nothing: no service here routes by account."""

    def get_deferred_property(self, _name: str) -> Callable[[], Awaitable[None]]:
        """Returns what an endpoint might want to know of credentials, which is the account id alone."""
        return self.get_account_id
