"""Who runs the scan, and from where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from scanner.aws.operations import GET_CALLER_IDENTITY
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.core.errors import AwsError, ConfigError, CredentialsExpired, Disabled, Transient
from scanner.core.model import CallCounts, Target

if TYPE_CHECKING:
    from types_aiobotocore_sts import STSClient


class Caller(Struct, frozen=True):
    """The credentials of the run: whose they are, and the Region that the AWS settings name."""

    account_id: str
    arn: str
    region: str

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`, …: credentials, roles and organizations do not cross it."""
        return self.arn.split(":")[1]

    @property
    def target(self) -> Target:
        return Target(self.account_id, self.region)


async def caller_of(sts: STSClient, region: str, pipeline: RequestPipeline, counts: CallCounts) -> Caller:
    """Ask STS who the caller is.

    Raises:
        ConfigError: the credentials are missing, expired or not accepted, or the Region has no STS.
        Unavailable: STS cannot be reached.
    """

    async def attempt() -> Caller:
        with sdk_errors():
            answer = require_members(await sts.get_caller_identity(), "Account", "Arn")
        return Caller(account_id=answer["Account"], arn=answer["Arn"], region=region)

    try:
        return await pipeline.call(GET_CALLER_IDENTITY, Target("of the caller", region), attempt, counts=counts)
    except AwsError as error:
        raise _explained(error, region) from error


def _explained(error: AwsError, region: str) -> AwsError | ConfigError:
    """Here an error speaks of the credentials themselves, where elsewhere it would speak of a Region."""
    if isinstance(error.__cause__, CredentialsExpired):
        if not error.code:
            said = str(error.__cause__).rstrip(".")
            return ConfigError(f"{said}; check AWS_PROFILE and where it has them from, or run `aws sso login`")
        return ConfigError(
            f"The AWS credentials in use have expired ({error.code}); renew them, for example with `aws sso login`"
        )
    if isinstance(error.__cause__, Transient):
        return error
    if isinstance(error, Disabled) and not error.code:
        return ConfigError(f"There is no STS in Region {region}; check AWS_REGION, AWS_ENDPOINT_URL and the network")
    return ConfigError(
        f"AWS does not accept the credentials in use ({error.code or error}); check AWS_PROFILE, the access keys and "
        "this machine's clock"
    )
