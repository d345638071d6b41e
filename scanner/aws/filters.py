"""Turns settings into filters of the API, without I/O, and tests nodes for the conditions that the API cannot take."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scanner.core.model import ManagedNode
from scanner.core.settings import NodeSettings, PatchSettings
from scanner.core.state_names import wire_state

Filters = list[dict[str, str | Sequence[str]]]  # as the requests take them: members `Key` and `Values`


def node_filters(settings: NodeSettings) -> Filters:
    """Returns the filters of DescribeInstanceInformation; a node must meet all.

    The API refuses other filters beside tags, and more than one value for some: `is_wanted` does the rest.
    """
    if settings.tags:
        return [_filter(f"tag:{key}", values) for key, values in settings.tags.items()]
    narrow = {"PlatformType": settings.platform_types, "PingStatus": settings.ping_statuses}
    return [_filter(key, values) for key, values in narrow.items() if len(values) == 1]


def is_wanted(node: ManagedNode, settings: NodeSettings, unread: Collection[str] = ()) -> bool:
    """Returns whether the node meets every condition on its own fields.

    Of `unread` members, by their names in the API, nothing is known, so they leave no node out.
    """
    conditions = (
        ("PlatformType", node.platform_type, settings.platform_types),
        ("PingStatus", node.ping_status, settings.ping_statuses),
    )
    return all(not wanted or value in wanted or member in unread for member, value, wanted in conditions)


def patch_filters(settings: PatchSettings, states: Sequence[str]) -> Filters:
    """Returns the filters of DescribeInstancePatches: these states, and the rest of the settings' filters.

    States go in CamelCase, as the service stores them.
    """
    wanted = {
        "State": [wire_state(state) for state in states],
        "Severity": settings.severities,
        "Classification": settings.classifications,
        "KBId": settings.kb_ids,
    }
    return [_filter(key, values) for key, values in wanted.items() if values]


def _filter(key: str, values: Sequence[str]) -> dict[str, str | Sequence[str]]:
    return {"Key": key, "Values": list(values)}
