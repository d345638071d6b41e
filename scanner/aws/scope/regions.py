"""The Regions of an account."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from scanner.aws.credentials.current_role import signed_as
from scanner.aws.credentials.role_session import RoleCredentials
from scanner.aws.operations import DESCRIBE_REGIONS
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.caller import Caller
from scanner.aws.sdk.errors import require_members, sdk_errors
from scanner.aws.sdk.session import Sessions
from scanner.core.errors import AwsError, ConfigError
from scanner.core.model import CallCounts, Target

if TYPE_CHECKING:
    from types_aiobotocore_ec2 import EC2Client


async def described_regions(
    client: EC2Client,
    at: Target,
    role: RoleCredentials | None,
    pipeline: RequestPipeline,
    counts: CallCounts,
    *,
    enabled_only: bool = True,
) -> list[str]:
    """The Regions enabled for the account of the role (without one, the caller's), or all there are, sorted.

    Raises:
        AwsError: what the error table says.
    """

    async def attempt() -> list[str]:
        with sdk_errors(), signed_as(role):
            answer = require_members(await client.describe_regions(AllRegions=not enabled_only), "Regions")
        return sorted(region["RegionName"] for region in answer["Regions"])

    return await pipeline.call(DESCRIBE_REGIONS, at, attempt, counts=counts, credentials=role)


async def check_regions(
    names: Sequence[str], sessions: Sessions, caller: Caller, pipeline: RequestPipeline, counts: CallCounts
) -> None:
    """Refuse Region names that do not exist in the caller's partition.

    A name that this version of the SDK does not know may be newer than it: only then AWS is asked.

    Raises:
        ConfigError: names the first that does not exist.
    """
    known = await sessions.known_regions("ssm", caller.partition)
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    try:
        async with sessions.ec2(caller.region) as client:
            existing = await described_regions(client, caller.target, None, pipeline, counts, enabled_only=False)
    except AwsError:
        existing = []
    strange = next((name for name in unknown if name not in existing), None)
    if strange is not None:
        near = get_close_matches(strange, {*known, *existing})
        hint = f"; did you mean {' or '.join(near)}?" if near else f"; the caller's partition is {caller.partition}"
        raise ConfigError(f"There is no Region {strange!r} in scope.regions (--regions) with Systems Manager{hint}")
