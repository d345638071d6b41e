"""Decides how an EC2 instance ends that Systems Manager does not list; performs no I/O.

Source: EC2 API reference, InstanceState and Operator; Systems Manager user guide, "Managing EC2 instances automatically
with Default Host Management Configuration", which needs IMDSv2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from scanner.core.instances import Instance
from scanner.core.model import EpochMs, ManagedNode, NodeStatus

REGISTRATION_MS = 15 * 60 * 1000  # an agent reports within minutes of the launch; until then nothing is wrong
_LEAVING = frozenset({"shutting-down", "terminated"})
_STOPPED = frozenset({"stopping", "stopped"})
_MINUTE_MS = 60_000
_GROUP_TAG = "aws:autoscaling:groupName"  # EC2 Auto Scaling sets it on what it launches


class UnlistedMachine(Struct, frozen=True):
    """A machine that EC2 has and Systems Manager does not list, with the status and reason it ends with."""

    node: ManagedNode
    status: NodeStatus
    reason: str


def unlisted_machine(instance: Instance, *, is_host_management_on: bool | None, now: EpochMs) -> UnlistedMachine | None:
    """Returns how the instance ends, or None if it is on its way out and no machine that anybody has to patch.

    Args:
        instance: one that the listing of managed nodes did not name.
        is_host_management_on: whether Default Host Management Configuration is on; None if that is not known.
        now: the time of the scan.
    """
    if instance.state in _LEAVING:
        return None
    if instance.operator is not None:
        return UnlistedMachine(
            node_of_instance(instance), NodeStatus.SERVICE_MANAGED, f"{instance.operator} patches this instance"
        )
    if instance.state in _STOPPED:
        return UnlistedMachine(node_of_instance(instance), NodeStatus.STOPPED, f"EC2 says {instance.state}")
    reason = _unmanaged_reason(instance, is_host_management_on=is_host_management_on, now=now)
    state = instance.state or "nothing of its state"
    group = "; an Auto Scaling group launches such instances" if _is_in_group(instance) else ""
    return UnlistedMachine(node_of_instance(instance), NodeStatus.UNMANAGED, f"EC2 says {state}; {reason}{group}")


def has_tags(instance: Instance, wanted: Mapping[str, Collection[str]]) -> bool:
    """Returns whether the instance has every key with one of its values, as the tag filter of Systems Manager does."""
    tags = dict(instance.tags)
    return all(tags.get(key) in values for key, values in wanted.items())


def node_of_instance(instance: Instance) -> ManagedNode:
    """Returns what EC2 shows of a node that Systems Manager does not list; the rest is unknown."""
    is_windows = (instance.platform_details or "").startswith("Windows")
    return ManagedNode(
        instance_id=instance.instance_id,
        resource_type="EC2Instance",
        platform_type="Windows" if is_windows else None,
        computer_name=instance.private_dns_name,
    )


def _is_in_group(instance: Instance) -> bool:
    return any(key == _GROUP_TAG for key, _ in instance.tags)


def _unmanaged_reason(instance: Instance, *, is_host_management_on: bool | None, now: EpochMs) -> str:
    age_ms = None if instance.launch_time is None else now - instance.launch_time
    if age_ms is not None and 0 <= age_ms < REGISTRATION_MS:
        return f"launched {age_ms // _MINUTE_MS} minutes ago, so the SSM Agent may not have registered yet"
    if instance.http_endpoint == "disabled":
        return "its instance metadata is turned off, from which the SSM Agent takes its credentials"
    if instance.has_instance_profile:
        return (
            "it has an instance profile: check that the role allows Systems Manager, that the SSM Agent runs, "
            "and that it reaches the Systems Manager endpoints"
        )
    match is_host_management_on:
        case True if instance.http_tokens != "required":
            return "it has no instance profile, and Default Host Management, which is on, needs IMDSv2"
        case True:
            return "it has no instance profile; Default Host Management is on: check that the SSM Agent runs"
        case False:
            return "it has no instance profile, and Default Host Management is off"
        case None:
            return "it has no instance profile; whether Default Host Management is on is not known"
