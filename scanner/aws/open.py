"""Opens AWS for one run: composes sessions, credentials, limits and the request pipelines."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from msgspec import Struct

from scanner.aws.choose_transport import open_transports
from scanner.aws.credentials.key_check import KeyCheck, RunKeys
from scanner.aws.fleet import SsmFleet
from scanner.aws.requests.limiter import Limiters
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.requests.retry import RetryPolicy
from scanner.aws.scope.caller import Caller, caller_of_run, identifier
from scanner.aws.scope.discovery import Discoverer, Discovery
from scanner.aws.scope.regions import AccountRegions
from scanner.aws.scope.roles import Roles
from scanner.aws.sdk.fixed_access import FixedAccess
from scanner.aws.sdk.region_clients import region_clients
from scanner.aws.sdk.session import Sessions
from scanner.core.errors import ConfigError, CredentialsError
from scanner.core.in_flight import max_in_flight
from scanner.core.model import CallCounts
from scanner.core.scope_rules import REGION_KEYWORDS, check_scope, region_problem
from scanner.core.settings import LimitSettings, ScopeSettings, Settings

STS_IN_FLIGHT = 16  # of its own: requests that hold a place among those in flight may wait for a role's session


class Aws(Struct, frozen=True):
    """Holds AWS for one run. `counts` are the requests made for no target: identity, roles, accounts, Regions."""

    caller: Caller
    fleet: SsmFleet
    counts: CallCounts
    settings: Settings
    discoverer: Discoverer

    async def discover(self) -> Discovery:
        """Returns the targets of the scope in the settings; see `Discoverer.discover`."""
        return await self.discoverer.discover(self.settings.scope)


@asynccontextmanager
async def open_aws(settings: Settings, access: FixedAccess | None = None) -> AsyncIterator[Aws]:
    """Finds credentials and Region, asks STS whose they are, and yields what reads nodes with them.

    Args:
        settings: the scope, the filters and the limits.
        access: an endpoint with its keys; None: what the AWS settings of the environment say.

    Raises:
        ConfigError: no Region, a name that is none, or a scope that cannot be used.
        CredentialsError: no credentials, or none that can be used.
        Unavailable: STS cannot be reached.
    """
    check_scope(settings.scope)
    limits = settings.limits
    sessions = await _sessions(limits, access)
    region = _region_of(settings.scope, sessions.region)
    limiters, policy = Limiters(limits), RetryPolicy.from_limits(limits)
    counts = CallCounts()
    async with (
        sessions.sts(region) as sts,
        region_clients(sessions.ssm) as ssm,
        region_clients(sessions.ec2) as ec2,
        region_clients(sessions.account) as account,
        region_clients(sessions.tagging) as tagging,
        open_transports(sessions, ssm, limits, settings.transport) as transports,
    ):
        identify = identifier(sts, region, RequestPipeline(limiters, _places(STS_IN_FLIGHT), policy), counts)
        caller = await caller_of_run(identify)
        own_keys = RunKeys(KeyCheck(lambda: identify(None), time.time))
        pipeline = RequestPipeline(limiters, _places(max_in_flight(limits)), policy, own_keys=own_keys)
        sts_pipeline = RequestPipeline(limiters, _places(STS_IN_FLIGHT), policy, own_keys=own_keys)
        roles = Roles(
            sts, caller, settings.scope, identify=identify, pipeline=sts_pipeline, counts=counts, now=time.time
        )
        regions = AccountRegions(ec2, account, caller, roles, pipeline=pipeline, counts=counts, now=time.time)
        yield Aws(
            caller=caller,
            fleet=SsmFleet(transports, roles, regions, pipeline, ec2=ec2, tagging=tagging, settings=settings),
            counts=counts,
            settings=settings,
            discoverer=Discoverer(sessions, caller, roles, regions, pipeline=pipeline, counts=counts),
        )


async def _sessions(limits: LimitSettings, access: FixedAccess | None) -> Sessions:
    sessions = Sessions(limits, access)
    if not await sessions.has_credentials():
        raise CredentialsError("No AWS credentials found; set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run `aws configure`")
    return sessions


def _places(in_flight: int) -> anyio.Semaphore:
    """Returns a bound on requests in flight; a free place is taken without a turn of the event loop."""
    return anyio.Semaphore(in_flight, fast_acquire=True)


def _region_of(scope: ScopeSettings, configured: str | None) -> str:
    """Returns the Region of the run itself; where none is set, the first that the scope names."""
    if configured:
        if problem := region_problem(configured):
            raise ConfigError(f"{problem}; correct AWS_DEFAULT_REGION, AWS_REGION or the profile's region")
        return configured
    if scope.regions and scope.regions[0] not in REGION_KEYWORDS:
        return scope.regions[0]
    raise ConfigError("No AWS Region is set; set AWS_REGION, or name Regions with --regions")
