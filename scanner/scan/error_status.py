"""Which status a target or a node gets from the error that ended it."""

from __future__ import annotations

from scanner.core.errors import AwsError, Denied, Disabled, NodeGone
from scanner.core.model import NodeStatus, TargetStatus


def target_status_of(error: AwsError) -> TargetStatus:
    """Returns the status of a target that could not be opened, or whose nodes could not be listed to the end."""
    if isinstance(error, Denied):
        return TargetStatus.DENIED
    if isinstance(error, Disabled):
        return TargetStatus.DISABLED
    return TargetStatus.FAILED


def node_status_of(error: AwsError) -> NodeStatus:
    """Returns the status of a node that could not be read."""
    if isinstance(error, NodeGone):
        return NodeStatus.GONE
    if isinstance(error, Denied | Disabled):
        return NodeStatus.DENIED
    return NodeStatus.FAILED
