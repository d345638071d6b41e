"""The managed nodes of an organization as a `Fleet`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

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
from scanner.core.errors import AwsError, Unavailable
from scanner.core.model import CallCounts, ManagedNode, PatchState, Target
from scanner.core.patch_rows import PatchPage
from scanner.core.settings import NodeSettings, PatchSettings

A = TypeVar("A")
R = TypeVar("R")

LISTING_PAGE_SIZE = 50  # the most that DescribeInstanceInformation and DescribeInstancePatchStates give at once
MAX_NODE_PAGES = 20_000
MAX_STATE_PAGES = 100  # fifty states fit on one page; a few short ones are not yet an endless listing


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
        # Nodes whose row of the listing cannot be decoded, with the error that ends them.
        self._undecodable: dict[str, AwsError] = {}
        self._max_restarts = max_restarts
        self._node_filters = _if_any(Filters=node_filters(nodes))
        self._patch_options: Payload = {
            "MaxResults": patches.page_size,
            **_if_any(Filters=patch_filters(patches)),
        }

    async def nodes(self) -> AsyncGenerator[Sequence[ManagedNode], None]:
        """Yields the managed nodes, each once, those that lost their connection too.

        A node whose row cannot be decoded has nothing but its id; `patch_states` then returns its error.

        Raises:
            Unavailable: after all other nodes, if a row cannot be decoded and not even its instance id can be read.
        """
        seen: set[str] = set()
        nameless = ""
        rules = PagingRules(MAX_NODE_PAGES, self._max_restarts)
        async for page in pages(self._node_page, rules, f"The managed nodes of {self._target}"):
            rows = {row.instance_id: row for listed in page for row in listed.rows if row.instance_id not in seen}
            found = [node for node in map(node_of, rows.values()) if is_wanted(node, self._nodes)]
            for row in (row for listed in page for row in listed.undecodable):
                error = self._undecodable_row(DESCRIBE_INSTANCE_INFORMATION, row)
                if row.instance_id is None:
                    nameless = str(error)
                elif row.instance_id not in seen:
                    self._undecodable[row.instance_id] = error
                    found.append(ManagedNode(row.instance_id))
            seen.update(rows, self._undecodable)
            yield found
        if nameless:
            raise Unavailable(nameless)

    async def patch_states(self, instance_ids: Sequence[str]) -> Mapping[str, PatchState | AwsError]:
        """Returns the patch states of up to 50 nodes; of two states of one node, the newer."""
        states: dict[str, PatchState | AwsError] = {}

        async def fetch(token: str | None) -> Page[wire.Rows[wire.WirePatchState]]:
            payload = {"InstanceIds": list(instance_ids), "MaxResults": LISTING_PAGE_SIZE, **_if_any(NextToken=token)}
            return await self._rows(DESCRIBE_INSTANCE_PATCH_STATES, payload, wire.PATCH_STATES)

        rules = PagingRules(MAX_STATE_PAGES, self._max_restarts)
        async for page in pages(fetch, rules, f"The patch states of {self._target}"):
            for listed in page:
                for state in map(patch_state_of, listed.rows):
                    known = states.get(state.instance_id)
                    if not isinstance(known, PatchState) or _is_newer(state, known):
                        states[state.instance_id] = state
                for row in listed.undecodable:
                    error = self._undecodable_row(DESCRIBE_INSTANCE_PATCH_STATES, row)
                    # A row that names no node may be that of any node without a state.
                    missing = [row.instance_id] if row.instance_id else set(instance_ids) - set(states)
                    states.update(dict.fromkeys(missing, error))
        return {**states, **{key: self._undecodable[key] for key in instance_ids if key in self._undecodable}}

    async def patch_page(self, instance_id: str, next_token: str | None) -> PatchPage:
        """One page of a node's patches.

        Raises:
            NodeGone: AWS does not know the node any more.
            PaginationBroken: the token is not valid any more.
            Denied: a policy hides this node.
        """
        payload = {"InstanceId": instance_id, **self._patch_options, **_if_any(NextToken=next_token)}
        answer = await self._ask(DESCRIBE_INSTANCE_PATCHES, payload, wire.decode_patches)
        return PatchPage(answer.patches, answer.next_token or None)

    async def _node_page(self, token: str | None) -> Page[wire.Rows[wire.WireNode]]:
        payload = {"MaxResults": LISTING_PAGE_SIZE, **self._node_filters, **_if_any(NextToken=token)}
        return await self._rows(DESCRIBE_INSTANCE_INFORMATION, payload, wire.NODES)

    async def _rows(self, operation: Operation, payload: Payload, listing: wire.Listing[R]) -> Page[wire.Rows[R]]:
        """Returns one page of a listing.

        A row that cannot be decoded may be a passing fault, so the page is read once more; then the row is set apart,
        so that it costs no other.
        """
        decode = listing.decode

        def decode_in_turn(body: bytes) -> wire.Rows[R]:
            nonlocal decode
            decode_now, decode = decode, listing.decode_by_row
            return decode_now(body)

        rows = await self._ask(operation, payload, decode_in_turn)
        return Page([rows], rows.next_token)

    async def _ask(self, operation: Operation, payload: Payload, decode: Callable[[bytes], A]) -> A:
        async def attempt() -> A:
            body = await self._transport.send(operation, payload)
            return wire.decode_answer(decode, body, operation, self._target)

        return await self._funnel.call(operation, self._target, attempt, counts=self.counts, credentials=self._role)

    def _undecodable_row(self, operation: Operation, row: wire.UndecodableRow) -> AwsError:
        name = f"the row of node {row.instance_id}" if row.instance_id else "a row, of which not even the id is read,"
        return Unavailable(
            f"{operation} in account {self._target.account_id}, Region {self._target.region}: {name} cannot be decoded "
            f"({row.reason})"
        )


def _is_newer(state: PatchState, known: PatchState) -> bool:
    return (state.operation_end_time or 0) >= (known.operation_end_time or 0)


def _if_any(**members: A) -> dict[str, A]:
    """Returns the members that say something: an absent filter or token must not be sent at all."""
    return {name: value for name, value in members.items() if value}
