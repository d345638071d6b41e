"""As whom a request is signed: clients are shared by all accounts, and a task says for whom it asks.

A client of its own for each (account, Region) would cost 15 to 100 ms of CPU, and new connections, each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from scanner.aws.credentials.role_session import RoleCredentials

if TYPE_CHECKING:
    from aiobotocore.credentials import AioCredentials
    from botocore.credentials import ReadOnlyCredentials

_role: ContextVar[RoleCredentials | None] = ContextVar("acting_as", default=None)


@contextmanager
def signed_as(role: RoleCredentials | None) -> Iterator[None]:
    """Have the requests made inside signed as a role; None is the run itself."""
    before = _role.set(role)
    try:
        yield
    finally:
        _role.reset(before)


class CurrentRoleCredentials:
    """What clients take for credentials: those of the role acted as, or else those of the run."""

    method = "acting-as"

    def __init__(self, own: AioCredentials) -> None:
        self._own = own

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return await (_role.get() or self._own).get_frozen_credentials()

    async def get_account_id(self) -> None:
        """No service here routes by account."""

    def get_deferred_property(self, _name: str) -> Callable[[], Awaitable[None]]:
        """What an endpoint might want to know of credentials, which is the account id alone."""
        return self.get_account_id
