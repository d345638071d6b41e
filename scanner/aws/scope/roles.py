"""Assumes the role of each account, once for all of its Regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.aws.credentials.current_role import signed_as
from scanner.aws.credentials.providers import NEVER_IN_KEYS
from scanner.aws.credentials.role_session import RoleCredentials, SessionKeys
from scanner.aws.operations import ASSUME_ROLE
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.caller import Caller, Identify
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.aws.transport.interface import ConnectionFailure, NoResponse
from scanner.core.errors import ConfigError, Denied, Unavailable
from scanner.core.interfaces import Clock
from scanner.core.model import CallCounts
from scanner.core.settings import ScopeSettings

if TYPE_CHECKING:
    from types_aiobotocore_sts import STSClient
    from types_aiobotocore_sts.type_defs import AssumeRoleRequestTypeDef

SESSION_S = 3600  # all that role chaining allows; a shorter session would be renewed all the time
SESSION_NAME = "patchsweep"


def role_arn(partition: str, account_id: str, role_name: str) -> str:
    """Returns the ARN of a role; `role_name` may hold a path (`ops/PatchReader`)."""
    return f"arn:{partition}:iam::{account_id}:role/{role_name.strip('/')}"


class Roles:
    """Holds the credentials of each account. STS is not called before a request has to be signed."""

    def __init__(
        self,
        sts: STSClient,
        caller: Caller,
        scope: ScopeSettings,
        *,
        identify: Identify,
        pipeline: RequestPipeline,
        counts: CallCounts,
        now: Clock,
    ) -> None:
        self._sts = sts
        self._caller = caller
        self._scope = scope
        self._identify = identify
        self._pipeline = pipeline
        self._counts = counts
        self._now = now
        self._credentials: dict[str, RoleCredentials] = {}

    def for_account(self, account_id: str) -> RoleCredentials | None:
        """Returns the role's credentials in an account; None in the caller's own, which needs no role.

        Raises:
            ConfigError: it is another account, and no role is named.
        """
        if account_id == self._caller.account_id:
            return None
        if self._scope.role_name is None:
            raise ConfigError(
                f"Account {account_id} is not the caller's own ({self._caller.account_id}): "
                "name the role to assume in it with --role-name or scope.role_name"
            )
        if account_id not in self._credentials:
            arn = role_arn(self._caller.partition, account_id, self._scope.role_name)
            self._credentials[account_id] = RoleCredentials(
                lambda: self._assume(arn), self._now, identify=self._identify
            )
        return self._credentials[account_id]

    async def _assume(self, arn: str) -> SessionKeys:
        request: AssumeRoleRequestTypeDef = {
            "RoleArn": arn,
            "RoleSessionName": SESSION_NAME,
            "DurationSeconds": SESSION_S,
        }
        if self._scope.external_id is not None:
            request["ExternalId"] = self._scope.external_id

        async def attempt() -> SessionKeys:
            # The request that needs the session may be under way as this very role.
            with sdk_errors(), signed_as(None):
                answer = await self._sts.assume_role(**request)
            keys = require_members(answer, "Credentials")["Credentials"]
            require_members(keys, "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
            if any(NEVER_IN_KEYS.search(keys[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")):
                raise NoResponse(
                    ConnectionFailure.CONNECTION,
                    "the answer holds a key with a blank, a line end or a character that is not ASCII",
                )
            return SessionKeys(
                access_key=keys["AccessKeyId"],
                secret_key=keys["SecretAccessKey"],
                token=keys["SessionToken"],
                expires_at=keys["Expiration"].timestamp(),
            )

        try:
            return await self._pipeline.call(ASSUME_ROLE, self._caller.target, attempt, counts=self._counts)
        except (Denied, Unavailable) as error:
            raise type(error)(f"Role {arn} cannot be assumed: {error}", code=error.code) from error
