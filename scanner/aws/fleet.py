"""Opens the targets of an organization: implements `Fleet`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from scanner.aws.choose_transport import Transports
from scanner.aws.machine_sources import TargetSources
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.regions import AccountRegions
from scanner.aws.scope.roles import Roles
from scanner.aws.sdk.region_clients import RegionClients
from scanner.aws.sdk.transport import SdkTransport
from scanner.aws.ssm_target import SsmTarget
from scanner.aws.target_requests import TargetRequests
from scanner.core.model import Target
from scanner.core.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_ec2 import EC2Client
    from types_aiobotocore_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient


class SsmFleet:
    """Implements `scanner.core.interfaces.Fleet`."""

    def __init__(
        self,
        transports: Transports,
        roles: Roles,
        regions: AccountRegions,
        pipeline: RequestPipeline,
        *,
        ec2: RegionClients[EC2Client],
        tagging: RegionClients[ResourceGroupsTaggingAPIClient],
        settings: Settings,
    ) -> None:
        self._transports = transports
        self._roles = roles
        self._regions = regions
        self._pipeline = pipeline
        self._ec2 = ec2
        self._tagging = tagging
        self._nodes = settings.nodes
        self._patches = settings.patches
        self._coverage = settings.coverage
        self._max_restarts = settings.limits.max_node_restarts

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[SsmTarget]:
        """Opens a target.

        Raises:
            Denied: its role is refused, which is asked once for all targets of the account.
            Unavailable: STS cannot be reached.
            ConfigError: it needs a role and none is named.
        """
        role = self._roles.for_account(target.account_id)
        if role is not None:
            await role.ready()
        transport = await self._transports.for_region(target.region, role)
        requests = TargetRequests(target, transport, self._regions, self._pipeline, role)

        async def over_sdk(clients: RegionClients[Any]) -> TargetRequests:
            client = await clients.for_region(target.region)
            return TargetRequests(
                target, SdkTransport(client, role), self._regions, self._pipeline, role, counts=requests.counts
            )

        sources = TargetSources(
            requests,
            partial(over_sdk, self._ec2),
            partial(over_sdk, self._tagging),
            self._coverage,
            self._max_restarts,
        )
        yield SsmTarget(
            requests,
            sources,
            nodes=self._nodes,
            patches=self._patches,
            max_restarts=self._max_restarts,
            on_odd=sources.note_odd,
        )
