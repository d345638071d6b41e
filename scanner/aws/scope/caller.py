"""Finds out whose credentials run the scan, and in which Region."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from scanner.aws.credentials.current_role import signed_as
from scanner.aws.credentials.role_session import RoleCredentials
from scanner.aws.operations import GET_CALLER_IDENTITY
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.aws.transport.interface import ConnectionFailure, NoResponse
from scanner.core.errors import (
    AwsError,
    ConfigError,
    CredentialsError,
    CredentialsExpired,
    Denied,
    KeysRefused,
    TokenRefused,
    Transient,
)
from scanner.core.model import CallCounts, Target
from scanner.core.scope_rules import account_id_problem

if TYPE_CHECKING:
    from types_aiobotocore_sts import STSClient

_ARN = re.compile(r"arn:[\w-]+:.+")  # its second part is the partition

Identify = Callable[[RoleCredentials | None], Awaitable["Caller"]]  # one GetCallerIdentity, signed as a role or the run


class Caller(Struct, frozen=True):
    """The credentials of the run: whose they are, and the Region that the AWS settings name."""

    account_id: str
    arn: str
    region: str

    @property
    def partition(self) -> str:
        """Returns `aws`, `aws-cn`, `aws-us-gov`, …: credentials, roles and organizations do not cross it."""
        return self.arn.split(":")[1]

    @property
    def target(self) -> Target:
        return Target(self.account_id, self.region)


def identifier(sts: STSClient, region: str, pipeline: RequestPipeline, counts: CallCounts) -> Identify:
    """Returns the function that asks STS whose keys these are.

    The pipeline must not judge refusals itself: it would ask this very question about them.
    """

    async def identify(role: RoleCredentials | None) -> Caller:
        async def attempt() -> Caller:
            with sdk_errors(), signed_as(role):
                answer = require_members(await sts.get_caller_identity(), "Account", "Arn")
            if account_id_problem(answer["Account"]) or not _ARN.fullmatch(answer["Arn"]):
                raise NoResponse(ConnectionFailure.CONNECTION, "the answer names no account")
            return Caller(account_id=answer["Account"], arn=answer["Arn"], region=region)

        return await pipeline.call(GET_CALLER_IDENTITY, Target("of the caller", region), attempt, counts=counts)

    return identify


async def caller_of_run(identify: Identify) -> Caller:
    """Asks STS who the caller is.

    Raises:
        CredentialsError: the credentials are missing, expired or not accepted; quotes AWS.
        ConfigError: STS is off in the Region.
        AwsError: STS cannot be reached, or something on the way does not let the question through.
    """
    try:
        return await identify(None)
    except AwsError as error:
        if error.code == "RegionDisabledException":
            # STS is off in the Region, which the sentence says already.
            raise ConfigError(str(error)) from error
        remedy = _remedy(error)
        if remedy is None:
            raise
        raise CredentialsError(f"AWS does not accept the credentials in use: {error}; {remedy}") from error


def _remedy(error: AwsError) -> str | None:
    """Returns what helps against a refusal of the credentials themselves; None where the error speaks of the way."""
    match error:
        case TokenRefused():
            return "check AWS_PROFILE and the access keys"
        case KeysRefused() | Denied():
            # Their sentences hold the remedy that follows from AWS's words.
            return "check AWS_PROFILE as well"
        case _ if isinstance(error.__cause__, CredentialsExpired):
            return "renew them, for example with `aws sso login`"
        case _ if isinstance(error.__cause__, Transient) or not error.code:
            return None
        case _:
            return "check AWS_PROFILE and the access keys"
