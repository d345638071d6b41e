"""Reads the nodes, patch states and patches of one target: implements `TargetReader`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from scanner.aws.decode import node_of, patch_state_of
from scanner.aws.filters import Filters, is_wanted, node_filters, patch_filters
from scanner.aws.machines.odd_members import OnOdd, ignore_odd
from scanner.aws.operations import (
    DESCRIBE_INSTANCE_INFORMATION,
    DESCRIBE_INSTANCE_PATCH_STATES,
    DESCRIBE_INSTANCE_PATCHES,
    Operation,
)
from scanner.aws.requests.pagination import Page, PagingRules, pages
from scanner.aws.target_requests import TargetRequests
from scanner.aws.transport import wire
from scanner.aws.transport.interface import Payload
from scanner.core.errors import AwsError, Denied, Disabled, InvalidNode, NodeGone, Unavailable
from scanner.core.machine_sources import MachineSources
from scanner.core.model import CallCounts, ManagedNode, PatchState
from scanner.core.patch_rows import PatchPage
from scanner.core.settings import NodeSettings, PatchSettings

V = TypeVar("V")

LISTING_PAGE_SIZE = 50  # the most that DescribeInstanceInformation and DescribeInstancePatchStates give at once
MAX_NODE_PAGES = 20_000
MAX_STATE_PAGES = 100  # fifty states fit on one page; a few short ones are not yet an endless listing


class SsmTarget:
    """Implements `scanner.core.interfaces.TargetReader` over any transport."""

    def __init__(
        self,
        requests: TargetRequests,
        sources: MachineSources,
        *,
        nodes: NodeSettings,
        patches: PatchSettings,
        max_restarts: int,
        on_odd: OnOdd = ignore_odd,
    ) -> None:
        self._requests = requests
        self._on_odd = on_odd
        self.sources = sources
        self._target = requests.target
        self._nodes = nodes
        # Nodes whose row of the listing cannot be decoded, with the error that ends them.
        self._undecodable: dict[str, AwsError] = {}
        self._max_restarts = max_restarts
        self._node_filters = node_filters(nodes)
        self._patches = patches
        self._options_by_states: dict[tuple[str, ...], Payload] = {}

    @property
    def counts(self) -> CallCounts:
        """Returns what was sent for this target so far."""
        return self._requests.counts

    async def nodes(self) -> AsyncGenerator[Sequence[ManagedNode], None]:
        """Yields the managed nodes, each once, those that lost their connection too.

        A member of a node that cannot be decoded is absent and named. A node whose row cannot be decoded at all has
        nothing but its id; `patch_states` then returns its error.

        Raises:
            Disabled: AWS says so in answer to the first page. A refusal on a later page is `Denied`, whatever it says:
                the Region was in use a moment ago, so nodes are missing.
            Unavailable: after all other nodes, if a row cannot be decoded and not even its instance id can be read.
        """
        is_open = False
        try:
            async for nodes in self._listed_nodes():
                is_open = True
                yield nodes
        except Disabled as error:
            if is_open:
                raise Denied(str(error), code=error.code) from error
            raise

    async def _listed_nodes(self) -> AsyncGenerator[Sequence[ManagedNode], None]:
        seen: set[str] = set()
        without_id = ""
        rules = PagingRules(MAX_NODE_PAGES, self._max_restarts)
        fetch = partial(self._node_page, self._node_filters)
        async for page in pages(fetch, rules, f"The managed nodes of {self._target}"):
            rows = (row for listed in page for row in listed.rows if row.instance_id not in seen)
            # Only a node that is wanted counts as seen: of two entries with different states, one may be.
            fresh = {node.instance_id: node for node in map(node_of, rows) if is_wanted(node, self._nodes)}
            for odd in (odd for listed in page for odd in listed.odd if odd.row.instance_id not in seen):
                node = node_of(odd.row)
                if is_wanted(node, self._nodes, odd.names):
                    self._on_odd(DESCRIBE_INSTANCE_INFORMATION, f"{', '.join(odd.names)} of {node.instance_id}")
                    fresh.setdefault(node.instance_id, node)
            for row in (row for listed in page for row in listed.undecodable):
                error = self._undecodable_row(DESCRIBE_INSTANCE_INFORMATION, row)
                if row.instance_id is None:
                    without_id = str(error)
                elif row.instance_id not in seen:
                    self._undecodable[row.instance_id] = error
                    fresh.setdefault(row.instance_id, ManagedNode(row.instance_id))
            seen.update(fresh)
            yield list(fresh.values())
        if without_id:
            raise Unavailable(without_id)

    async def patch_states(self, instance_ids: Sequence[str]) -> Mapping[str, PatchState | AwsError]:
        """Returns the patch states of up to 50 nodes; of two states of one node, the newer."""
        states: dict[str, PatchState | AwsError] = {}
        asked = frozenset(instance_ids)

        async def fetch(token: str | None) -> Page[wire.Rows[wire.WirePatchState]]:
            payload = {"InstanceIds": list(instance_ids), "MaxResults": LISTING_PAGE_SIZE, **_if_any(NextToken=token)}
            return await self._requests.page(
                DESCRIBE_INSTANCE_PATCH_STATES,
                payload,
                wire.PATCH_STATES,
                is_about=lambda page: all(state.instance_id in asked for state in page.rows),
            )

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

    async def patch_page(self, instance_id: str, next_token: str | None, states: tuple[str, ...] = ()) -> PatchPage:
        """Returns one page of a node's patches in these states; empty: in all of them.

        Raises:
            NodeGone: AWS calls the node id invalid and does not list the node any more.
            InvalidNode: AWS calls the node id invalid, and lists the node.
            PaginationBroken: the token is not valid any more.
            Denied: a policy hides this node.
        """
        payload = {"InstanceId": instance_id, **self._patch_options(states)}
        if next_token:
            payload["NextToken"] = next_token
        try:
            return await self._requests.ask(DESCRIBE_INSTANCE_PATCHES, payload, wire.decode_patches)
        except InvalidNode as error:
            raise await self._corroborate(instance_id, error) from error

    def _patch_options(self, states: tuple[str, ...]) -> Payload:
        """Returns the members that every page of a listing under this State filter has, made once for each filter."""
        options = self._options_by_states.get(states)
        if options is None:
            filters = patch_filters(self._patches, states)
            options = {"MaxResults": self._patches.page_size, **_if_any(Filters=filters)}
            self._options_by_states[states] = options
        return options

    async def _corroborate(self, instance_id: str, refusal: InvalidNode) -> AwsError:
        """Asks AWS again about a node whose id it called invalid; `NodeGone` only if it is not listed any more.

        The code may as well mean that the agent does not run or that a permission lacks.
        """
        try:
            has_state = instance_id in await self.patch_states([instance_id])
            node = await self._listed_node(instance_id)
        except AwsError as error:
            return InvalidNode(f"{refusal}; whether the node left could not be asked: {error}", code=refusal.code)
        state = "has a patch state of it" if has_state else "has no patch state of it"
        if node is None:
            return NodeGone(f"{refusal}; AWS does not list the node any more and {state}", code=refusal.code)
        return InvalidNode(
            f"{refusal}; yet AWS still lists the node (ping status {node.ping_status or 'unknown'}) and {state}: check "
            "that its agent runs and that the role may read it",
            code=refusal.code,
        )

    async def _listed_node(self, instance_id: str) -> ManagedNode | None:
        filters: Filters = [{"Key": "InstanceIds", "Values": [instance_id]}]
        rules = PagingRules(MAX_STATE_PAGES, self._max_restarts)
        try:
            async for page in pages(partial(self._node_page, filters), rules, f"Node {instance_id}"):
                for listed in page:
                    named = [node_of(row) for row in _all_rows(listed) if row.instance_id == instance_id]
                    if named or listed.undecodable:
                        return named[0] if named else ManagedNode(instance_id)
        except InvalidNode:
            # What this call answers to an id that it does not know.
            return None
        return None

    async def _node_page(self, filters: Filters, token: str | None) -> Page[wire.Rows[wire.WireNode]]:
        payload = {"MaxResults": LISTING_PAGE_SIZE, **_if_any(Filters=filters), **_if_any(NextToken=token)}
        return await self._requests.page(
            DESCRIBE_INSTANCE_INFORMATION,
            payload,
            wire.NODES,
            is_about=lambda page: all(row.instance_id for row in _all_rows(page)),
        )

    def _undecodable_row(self, operation: Operation, row: wire.UndecodableRow) -> AwsError:
        name = f"the row of node {row.instance_id}" if row.instance_id else "a row, of which not even the id is read,"
        return Unavailable(
            f"{operation} in account {self._target.account_id}, Region {self._target.region}: {name} cannot be decoded "
            f"({row.reason})"
        )


def _all_rows(page: wire.Rows[wire.WireNode]) -> Iterator[wire.WireNode]:
    """Yields the rows of a page, those too of which a member could not be decoded."""
    return chain(page.rows, (odd.row for odd in page.odd))


def _is_newer(state: PatchState, known: PatchState) -> bool:
    return (state.operation_end_time or 0) >= (known.operation_end_time or 0)


def _if_any(**members: V) -> dict[str, V]:
    """Returns the members that have a value: an absent filter or token must not be sent at all."""
    return {name: value for name, value in members.items() if value}
