"""The managed nodes of an organization as a `Fleet`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from scanner.aws.choose_transport import Transports
from scanner.aws.credentials.role_session import RoleCredentials
from scanner.aws.decode import node_of, patch_state_of
from scanner.aws.filters import is_wanted, node_filters, patch_filters
from scanner.aws.operations import (
    DESCRIBE_INSTANCE_INFORMATION,
    DESCRIBE_INSTANCE_PATCH_STATES,
    DESCRIBE_INSTANCE_PATCHES,
    Operation,
)
from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.aws.requests.pipeline import RequestPipeline
from scanner.aws.scope.roles import Roles
from scanner.aws.transport import wire
from scanner.aws.transport.interface import Payload, Transport
from scanner.core.model import CallCounts, ManagedNode, PatchPage, PatchState, Target
from scanner.core.settings import NodeSettings, PatchSettings

A = TypeVar("A")

LISTING_PAGE_SIZE = 50
"""The most that DescribeInstanceInformation and DescribeInstancePatchStates give at once."""
MAX_NODE_PAGES = 20_000
MAX_STATE_PAGES = 100
"""Fifty states fit on one page; a few short ones are not yet an endless listing."""


class SsmFleet:
    """Implements `scanner.core.interfaces.Fleet`."""

    def __init__(
        self,
        transports: Transports,
        roles: Roles,
        pipeline: RequestPipeline,
        *,
        nodes: NodeSettings,
        patches: PatchSettings,
        max_restarts: int,
    ) -> None:
        self._transports = transports
        self._roles = roles
        self._funnel = pipeline
        self._nodes = nodes
        self._patches = patches
        self._max_restarts = max_restarts

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[SsmTarget]:
        """Open a target.

        Raises:
            Denied: its role is refused, found out once for all targets of the account.
            Unavailable: STS cannot be reached.
            ConfigError: it needs a role and none is named.
        """
        role = self._roles.of(target.account_id)
        if role is not None:
            await role.ready()
        yield SsmTarget(
            target,
            await self._transports.of(target.region, role),
            self._funnel,
            role,
            nodes=self._nodes,
            patches=self._patches,
            max_restarts=self._max_restarts,
        )


class SsmTarget:
    """Implements `scanner.core.interfaces.TargetReader` over any transport."""

    def __init__(
        self,
        target: Target,
        transport: Transport,
        pipeline: RequestPipeline,
        role: RoleCredentials | None,
        *,
        nodes: NodeSettings,
        patches: PatchSettings,
        max_restarts: int,
    ) -> None:
        self.counts = CallCounts()
        self._target = target
        self._transport = transport
        self._funnel = pipeline
        self._role = role
        self._nodes = nodes
        self._max_restarts = max_restarts
        self._node_filters = _if_any(Filters=node_filters(nodes))
        self._patch_options: Payload = {
            "MaxResults": patches.page_size,
            **_if_any(Filters=patch_filters(patches)),
        }

    async def nodes(self) -> AsyncGenerator[Sequence[ManagedNode], None]:
        """The managed nodes, each once, those that lost their connection too."""
        seen: set[str] = set()
        rules = PagingRules(MAX_NODE_PAGES, self._max_restarts)
        async for listed in pages(self._node_page, rules, f"The managed nodes of {self._target}"):
            fresh = {row.instance_id: row for row in listed if row.instance_id not in seen}
            seen.update(fresh)
            found = map(node_of, fresh.values())
            yield [node for node in found if is_wanted(node, self._nodes)]

    async def patch_states(self, instance_ids: Sequence[str]) -> Mapping[str, PatchState]:
        """The patch states of up to 50 nodes; of two states of one node, the newer."""
        states: dict[str, PatchState] = {}

        async def fetch(token: str | None) -> Page[wire.WirePatchState]:
            payload = {"InstanceIds": list(instance_ids), "MaxResults": LISTING_PAGE_SIZE, **_if_any(NextToken=token)}
            answer = await self._ask(DESCRIBE_INSTANCE_PATCH_STATES, payload, wire.PATCH_STATES)
            return Page(answer.instance_patch_states, answer.next_token)

        rules = PagingRules(MAX_STATE_PAGES, self._max_restarts)
        async for listed in pages(fetch, rules, f"The patch states of {self._target}"):
            for state in map(patch_state_of, listed):
                known = states.get(state.instance_id)
                if known is None or (state.operation_end_time or 0) >= (known.operation_end_time or 0):
                    states[state.instance_id] = state
        return states

    async def patch_page(self, instance_id: str, next_token: str | None) -> PatchPage:
        """One page of a node's patches.

        Raises:
            NodeGone: AWS does not know the node any more.
            PaginationBroken: the token is not valid any more.
            Denied: a policy hides this node.
        """
        payload = {"InstanceId": instance_id, **self._patch_options, **_if_any(NextToken=next_token)}
        answer = await self._ask(DESCRIBE_INSTANCE_PATCHES, payload, wire.PATCHES)
        return PatchPage(answer.patches, answer.next_token or None)

    async def _node_page(self, token: str | None) -> Page[wire.WireNode]:
        payload = {"MaxResults": LISTING_PAGE_SIZE, **self._node_filters, **_if_any(NextToken=token)}
        answer = await self._ask(DESCRIBE_INSTANCE_INFORMATION, payload, wire.NODES)
        return Page(answer.instance_information_list, answer.next_token)

    async def _ask(self, operation: Operation, payload: Payload, decoder: msgspec.json.Decoder[A]) -> A:
        async def attempt() -> A:
            body = await self._transport.send(operation, payload)
            return wire.decoded(decoder, body, operation, self._target)

        return await self._funnel.call(operation, self._target, attempt, counts=self.counts, credentials=self._role)


def _if_any(**members: A) -> dict[str, A]:
    """The members that say something: an absent filter or token must not be sent at all."""
    return {name: value for name, value in members.items() if value}
