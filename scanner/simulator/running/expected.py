"""Computes what a correct scan finds from the model alone, without a client's code, for comparison row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import Struct

from scanner.core.model import NodeStatus, TargetStatus
from scanner.simulator.generate.facts import MISCOUNT, wire_node
from scanner.simulator.running.expected_columns import DOCUMENTED, TruePatch, node_columns, patch_row, state_columns
from scanner.simulator.running.expected_machines import (
    has_summary_alone,
    is_known_as_stopped,
    machine_statuses,
)
from scanner.simulator.running.state import WorldState
from scanner.simulator.world.organization import Account, AccountStatus, Node, RegionStatus, Trait

NodeKey = tuple[str, str, str]  # Account id, Region, instance id


class TrueNode(Struct, frozen=True):
    """A row of the `nodes` table, as far as the world determines it."""

    key: NodeKey
    status: NodeStatus
    patch_rows: int
    #: The columns that come from AWS: node facts, patch state and counts; times in epoch milliseconds.
    columns: dict[str, str | int | None]

    @property
    def counts(self) -> dict[str, int | None]:
        """Returns the columns `…_count`."""
        return {n: v for n, v in self.columns.items() if n.endswith("_count") and not isinstance(v, str)}


class TrueTarget(Struct, frozen=True):
    """A row of the `targets` table, as far as the world determines it. Only a `scanned` one has nodes."""

    account_id: str
    region: str
    account_name: str
    status: TargetStatus
    nodes: int
    patch_rows: int


class Truth:
    """The three tables. Patches are generated again at each call, so that a large world fits in memory."""

    def __init__(
        self,
        world_state: WorldState,
        targets: dict[tuple[str, str], TrueTarget],
        nodes: dict[NodeKey, TrueNode],
        states: frozenset[str],
    ) -> None:
        self._reality = world_state
        self._states = states
        self.targets = targets
        """By (account id, Region)."""
        self.nodes = nodes
        """By (account id, Region, instance id), each node once."""

    @property
    def patch_rows(self) -> int:
        return sum(node.patch_rows for node in self.nodes.values())

    def patches(self) -> Iterator[TruePatch]:
        """Yields every patch of every node, node by node, in the order in which AWS lists them."""
        for key in self.nodes:
            yield from self.patches_of(*key)

    def patches_of(self, account_id: str, region: str, instance_id: str) -> list[TruePatch]:
        """Returns the patches of one node; none where a correct scan gets none."""
        true_node = self.nodes[account_id, region, instance_id]
        node = self._reality.node(account_id, region, instance_id)
        if node is None or not true_node.patch_rows:
            return []
        rows = self._reality.patches(node).rows
        return [
            patch_row(account_id, region, instance_id, row)
            for row in rows
            if not self._states or DOCUMENTED[row.state] in self._states
        ]


def truth(
    world_state: WorldState,
    *,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    states: Collection[str] = (),
) -> Truth:
    """Returns what a correct scan finds in the current state.

    Args:
        world_state: the world with its changes in mid-run. A role revoked or a Region disabled on the way shows as
            `denied` or `disabled` without nodes, though a scan may rightly have delivered some of them before.
        accounts: ids to scan; None: every active account of the organization.
        regions: names to scan; None: those the account can see, that is all that are enabled there.
        states: the State filter, in the documented form; empty: all.
    """
    world, wanted = world_state.world, frozenset(states)
    targets, nodes = {}, {}
    for account_id, account in world.accounts.items():
        if account_id not in accounts if accounts is not None else account.status is not AccountStatus.ACTIVE:
            continue
        for name in regions if regions is not None else account.regions:
            status = _target_status(world_state, account_id, name)
            if regions is None and world_state.region_status(account_id, name) is RegionStatus.NOT_ENABLED:
                continue
            here = _machines(world_state, account, name, wanted) if status is TargetStatus.SCANNED else []
            nodes.update({node.key: node for node in here})
            rows = sum(node.patch_rows for node in here)
            targets[account_id, name] = TrueTarget(account_id, name, account.name, status, len(here), rows)
    return Truth(world_state, targets, nodes, wanted)


def _machines(world_state: WorldState, account: Account, region: str, states: frozenset[str]) -> list[TrueNode]:
    """Returns every machine of a target that can be read, those that Systems Manager does not list last."""
    found = world_state.region(account.account_id, region)
    if found is None:
        return []
    denied = account.denied_actions
    nodes = [
        _node(world_state, (account.account_id, region, node.instance_id), node, states, denied)
        for node in found.nodes
        if Trait.STOPPED not in node.traits or is_known_as_stopped(node, denied)
    ]
    others = [
        TrueNode((account.account_id, region, instance_id), status, 0, {})
        for instance_id, status in machine_statuses(found.machines, denied).items()
    ]
    return [*nodes, *others]


def _target_status(world_state: WorldState, account_id: str, region: str) -> TargetStatus:
    is_hub = account_id == world_state.world.hub_account_id
    if not is_hub and not world_state.can_be_assumed(account_id):
        return TargetStatus.DENIED
    if world_state.region_status(account_id, region) is not RegionStatus.OPEN:
        return TargetStatus.DISABLED
    return TargetStatus.SCANNED


def _node(
    world_state: WorldState, key: NodeKey, node: Node, states: frozenset[str], denied_actions: frozenset[str]
) -> TrueNode:
    by_state = world_state.patches(node).by_state
    rows = sum(count for state, count in by_state.items() if not states or DOCUMENTED[state] in states)
    status = _node_status(node, rows, states)
    if status in (NodeStatus.GONE, NodeStatus.DENIED, NodeStatus.FAILED):
        rows = 0
    state = world_state.patch_state(key[0], key[1], node)
    if Trait.STOPPED in node.traits:
        return TrueNode(key, NodeStatus.STOPPED, rows if state else 0, state_columns(state))
    facts = node_columns(wire_node(node, world_state.world.as_of_s))
    if status is NodeStatus.NO_PATCH_DATA and has_summary_alone(node, denied_actions):
        return TrueNode(key, NodeStatus.SUMMARY_ONLY, 0, facts)
    return TrueNode(key, status, rows, {**facts, **state_columns(state)})


def _node_status(node: Node, rows: int, states: frozenset[str]) -> NodeStatus:
    if Trait.GONE in node.traits:
        return NodeStatus.GONE
    if Trait.INVALID in node.traits:
        return NodeStatus.FAILED
    if Trait.DENIED in node.traits:
        return NodeStatus.DENIED
    if node.is_empty or (Trait.STATE_MISSING in node.traits and not rows):
        return NodeStatus.NO_PATCH_DATA
    off = {DOCUMENTED[state] for state in MISCOUNT}
    counts_known = not node.traits & {Trait.STATE_MISSING, Trait.COUNTS_UNKNOWN}
    if Trait.MISMATCHED in node.traits and counts_known and (not states or off & states):
        return NodeStatus.MISMATCHED
    return NodeStatus.VERIFIED
