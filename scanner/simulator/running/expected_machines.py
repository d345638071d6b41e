"""States how the machines of a target end that Systems Manager does not list, or of which it has a summary alone."""

from __future__ import annotations

from collections.abc import Collection

from scanner.core.model import NodeStatus
from scanner.simulator.world.machines import InstanceState, Machine
from scanner.simulator.world.organization import Node, Trait

_LEAVING = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})
_STOPPED = frozenset({InstanceState.STOPPING, InstanceState.STOPPED})
_INSTANCES = "ec2:DescribeInstances"
_INVENTORY = "ssm:GetInventory"
_ASSOCIATIONS = frozenset({"ssm:ListAssociations", "ssm:ListComplianceItems"})


def machine_statuses(machines: Collection[Machine], denied_actions: Collection[str]) -> dict[str, NodeStatus]:
    """Returns the status of each instance that Systems Manager does not manage, by its id."""
    if _INSTANCES in denied_actions:
        return {}
    return {machine.instance_id: _status(machine) for machine in machines if machine.state not in _LEAVING}


def _status(machine: Machine) -> NodeStatus:
    if machine.operator:
        return NodeStatus.SERVICE_MANAGED
    return NodeStatus.STOPPED if machine.state in _STOPPED else NodeStatus.UNMANAGED


def is_known_as_stopped(node: Node, denied_actions: Collection[str]) -> bool:
    """Returns whether a scan finds out that the node is stopped: EC2 says so, or else Inventory."""
    can_ask_ec2 = not node.is_hybrid and _INSTANCES not in denied_actions
    return Trait.STOPPED in node.traits and (can_ask_ec2 or _INVENTORY not in denied_actions)


def has_summary_alone(node: Node, denied_actions: Collection[str]) -> bool:
    """Returns whether AWS has counts of an association's scan and nothing else; only EC2 nodes are scanned so."""
    may_ask = not _ASSOCIATIONS & set(denied_actions)
    return Trait.ASSOCIATION_SCANNED in node.traits and not node.is_hybrid and may_ask
