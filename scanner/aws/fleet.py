"""Opens the targets of an organization: implements `Fleet`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scanner.aws.choose_transport import Transports
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.regions import AccountRegions
from scanner.aws.scope.roles import Roles
from scanner.aws.ssm_target import SsmTarget
from scanner.aws.target_requests import TargetRequests
from scanner.core.model import Target
from scanner.core.settings import NodeSettings, PatchSettings


class SsmFleet:
    """Implements `scanner.core.interfaces.Fleet`."""

    def __init__(
        self,
        transports: Transports,
        roles: Roles,
        regions: AccountRegions,
        pipeline: RequestPipeline,
        *,
        nodes: NodeSettings,
        patches: PatchSettings,
        max_restarts: int,
    ) -> None:
        self._transports = transports
        self._roles = roles
        self._regions = regions
        self._pipeline = pipeline
        self._nodes = nodes
        self._patches = patches
        self._max_restarts = max_restarts

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
        yield SsmTarget(requests, nodes=self._nodes, patches=self._patches, max_restarts=self._max_restarts)
