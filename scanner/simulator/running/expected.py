"""Computes what a correct scan finds from the model alone, without a client's code, for comparison row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from msgspec import UNSET, Struct, UnsetType

from scanner.core.model import NodeStatus, TargetStatus
from scanner.simulator.generate.facts import MISCOUNT, WireNode, WirePatchState, wire_node
from scanner.simulator.generate.packages import PatchRow
from scanner.simulator.running.state import WorldState
from scanner.simulator.world.organization import AccountStatus, Node, RegionStatus, Trait

NodeKey = tuple[str, str, str]  # Account id, Region, instance id

DOCUMENTED = {
    "Installed": "INSTALLED",
    "InstalledOther": "INSTALLED_OTHER",
    "InstalledPendingReboot": "INSTALLED_PENDING_REBOOT",
    "InstalledRejected": "INSTALLED_REJECTED",
    "Missing": "MISSING",
    "NotApplicable": "NOT_APPLICABLE",
    "Failed": "FAILED",
    "AvailableSecurityUpdate": "AVAILABLE_SECURITY_UPDATE",
}


class TruePatch(NamedTuple):
    """A row of the `patches` table without its scan id, in the order of its columns."""

    account_id: str
    region: str
    instance_id: str
    kb_id: str
    title: str | None
    classification: str | None
    severity: str | None
    state: str
    installed_time: int | None  # Epoch milliseconds
    cve_ids: tuple[str, ...]


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
            _patch(account_id, region, instance_id, row)
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
            region = world_state.region(account_id, name)
            found = region.nodes if region and status is TargetStatus.SCANNED else ()
            here = [
                _node(world_state, (account_id, name, node.instance_id), node, wanted)
                for node in found
                if Trait.STOPPED not in node.traits
            ]
            nodes.update({node.key: node for node in here})
            rows = sum(node.patch_rows for node in here)
            targets[account_id, name] = TrueTarget(account_id, name, account.name, status, len(here), rows)
    return Truth(world_state, targets, nodes, wanted)


def _target_status(world_state: WorldState, account_id: str, region: str) -> TargetStatus:
    is_hub = account_id == world_state.world.hub_account_id
    if not is_hub and not world_state.can_be_assumed(account_id):
        return TargetStatus.DENIED
    if world_state.region_status(account_id, region) is not RegionStatus.OPEN:
        return TargetStatus.DISABLED
    return TargetStatus.SCANNED


def _node(world_state: WorldState, key: NodeKey, node: Node, states: frozenset[str]) -> TrueNode:
    by_state = world_state.patches(node).by_state
    rows = sum(count for state, count in by_state.items() if not states or DOCUMENTED[state] in states)
    status = _node_status(node, rows, states)
    if status in (NodeStatus.GONE, NodeStatus.DENIED, NodeStatus.FAILED):
        rows = 0
    facts = _node_columns(wire_node(node, world_state.world.as_of_s))
    return TrueNode(key, status, rows, {**facts, **_state_columns(world_state.patch_state(key[0], key[1], node))})


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


def _patch(account_id: str, region: str, instance_id: str, row: PatchRow) -> TruePatch:
    cve_ids = () if row.cve_ids is UNSET else tuple(sorted({cve.strip() for cve in row.cve_ids.split(",")}))
    return TruePatch(
        account_id,
        region,
        instance_id,
        row.kb_id,
        row.title or None,
        row.classification or None,
        row.severity or None,
        DOCUMENTED[row.state],
        _ms(row.installed_time),
        cve_ids,
    )


def _node_columns(row: WireNode) -> dict[str, str | int | None]:
    return {
        "resource_type": row.resource_type,
        "platform_type": row.platform_type,
        "platform_name": row.platform_name,
        "platform_version": row.platform_version,
        "computer_name": row.computer_name,
        "ip_address": row.ip_address,
        "agent_version": row.agent_version,
        "ping_status": row.ping_status,
        "last_ping_time": _ms(row.last_ping_date_time),
        "name": _text(row.name),
        "iam_role": _text(row.iam_role),
        "activation_id": _text(row.activation_id),
        "registration_date": _ms(row.registration_date),
        "association_status": row.association_status,
        "last_association_time": _ms(row.last_association_execution_date),
        "last_successful_association_time": _ms(row.last_successful_association_execution_date),
        "source_type": row.source_type,
        "source_id": row.source_id,
        "source_location": None,
    }


def _state_columns(row: WirePatchState | None) -> dict[str, str | int | None]:
    if row is None:
        return dict.fromkeys(_STATE_COLUMNS)
    values = {name: getattr(row, member) for name, member in _STATE_COLUMNS.items()}
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> str | int | None:
    if isinstance(value, float):
        return _ms(value)
    if isinstance(value, int):
        return None if value < 0 else value
    return value or None if isinstance(value, str) else None


def _text(value: str | UnsetType) -> str | None:
    return None if isinstance(value, UnsetType) else value or None


def _ms(seconds: float) -> int | None:
    return round(seconds * 1000) if seconds > 0 else None


#: Column of the `nodes` table: member of the patch state.
_STATE_COLUMNS = {
    "last_no_reboot_install_time": "last_no_reboot_install_operation_time",
    "install_override_list": "install_override_list",
    "patch_group": "patch_group",
    "baseline_id": "baseline_id",
    "snapshot_id": "snapshot_id",
    "operation": "operation",
    "operation_start_time": "operation_start_time",
    "operation_end_time": "operation_end_time",
    "reboot_option": "reboot_option",
    "installed_count": "installed_count",
    "installed_other_count": "installed_other_count",
    "installed_pending_reboot_count": "installed_pending_reboot_count",
    "installed_rejected_count": "installed_rejected_count",
    "missing_count": "missing_count",
    "failed_count": "failed_count",
    "not_applicable_count": "not_applicable_count",
    "unreported_not_applicable_count": "unreported_not_applicable_count",
    "available_security_update_count": "available_security_update_count",
    "critical_noncompliant_count": "critical_non_compliant_count",
    "security_noncompliant_count": "security_non_compliant_count",
    "other_noncompliant_count": "other_non_compliant_count",
}
