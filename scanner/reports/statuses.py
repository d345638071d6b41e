"""Node and target statuses in the groups that reports ask for; SQL gets them as parameters."""

from __future__ import annotations

from collections.abc import Iterable

from scanner.core.model import NodeStatus, Scope, TargetStatus

#: The rows agree with AWS's own counts: read now, carried over, or what is lacking read now and the rest carried over.
VERIFIED = (NodeStatus.VERIFIED, NodeStatus.UNCHANGED, NodeStatus.REFRESHED)
#: The scan has the node's rows, whether or not AWS's counts agree.
WITH_ROWS = (*VERIFIED, NodeStatus.MISMATCHED)
#: Machines that neither compliance nor a policy is about: those that left, and those that a service of AWS patches.
NOT_OURS = (NodeStatus.GONE, NodeStatus.SERVICE_MANAGED)
#: Nothing is known of the node's patches, not even whether AWS has any.
UNREAD = tuple(status for status in NodeStatus if not status.is_delivered)


def node_gaps(scope: Scope) -> tuple[NodeStatus, ...]:
    """Returns the statuses that keep a scan of the scope from being complete."""
    return tuple(status for status in NodeStatus if scope.is_node_gap(status))


def values(statuses: Iterable[NodeStatus | TargetStatus]) -> list[str]:
    """Returns the statuses as a parameter of SQL."""
    return [status.value for status in statuses]


def sql_list(statuses: Iterable[NodeStatus | TargetStatus]) -> str:
    """Returns the statuses for a query that a user is shown."""
    return ", ".join(f"'{status.value}'" for status in statuses)
