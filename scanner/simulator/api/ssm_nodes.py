"""Answers SSM DescribeInstanceInformation: the managed nodes of a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scanner.simulator.api.access import check_region
from scanner.simulator.api.paging import cut, end_token, position_of
from scanner.simulator.api.replies import AwsFailure, Reply, json_reply, modeled
from scanner.simulator.api.ssm_requests import (
    DEFAULT_PAGE,
    Filter,
    NodesRequest,
    OldFilter,
    check,
    decoder,
    page_size_complaint,
)
from scanner.simulator.generate.facts import WireNode, wire_node
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import Node, Trait

_LEAST_PAGE = 5
_MEMBERS: dict[str, Callable[[WireNode], str]] = {
    "AgentVersion": lambda row: row.agent_version,
    "AssociationStatus": lambda row: row.association_status,
    "InstanceIds": lambda row: row.instance_id,
    "PingStatus": lambda row: row.ping_status,
    "PlatformType": lambda row: row.platform_type,
    "PlatformTypes": lambda row: row.platform_type,
    "ResourceType": lambda row: row.resource_type,
    "SourceIds": lambda row: row.source_id,
    "SourceTypes": lambda row: row.source_type,
}
_read = decoder(NodesRequest)


def describe_instance_information(simulation: Simulation, call: Call) -> Reply:
    """Returns one page of managed nodes.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    request = _read(call.body)
    check([page_size_complaint(request.max_results, _LEAST_PAGE)])
    filters: Sequence[Filter | OldFilter] = request.filters
    if request.instance_information_filter_list:
        if filters:
            raise modeled(
                "InvalidInstanceInformationFilterValue", "Use Filters or InstanceInformationFilterList, not both."
            )
        filters = request.instance_information_filter_list
    _check_filters(filters)
    _check_ids(simulation, call, filters)
    region = simulation.world_state.region(call.account_id, call.region)
    nodes = _listed(region.nodes if region else ())
    as_of_s = simulation.world.as_of_s
    listing = f"{call.account_id}/{call.region}/nodes/{filters!r}"
    position = position_of(simulation, listing, request.next_token)
    page = cut(
        simulation,
        listing,
        nodes,
        position,
        size=request.max_results or DEFAULT_PAGE,
        fits=_test(filters, as_of_s),
        token=request.next_token or None,
    )
    rows = [wire_node(node, as_of_s) for node in page.items]
    return json_reply({"InstanceInformationList": rows, **end_token(simulation, page)})


def _listed(nodes: Sequence[Node]) -> Sequence[Node]:
    """Returns the nodes that SSM lists; those of stopped instances are not among them."""
    listed = [node for node in nodes if Trait.STOPPED not in node.traits]
    return [*listed, *(node for node in listed if Trait.LISTED_TWICE in node.traits)]


def _check_filters(filters: Sequence[Filter | OldFilter]) -> None:
    has_tags = any(_is_tag(chosen.key) for chosen in filters)
    for chosen in filters:
        if not _is_tag(chosen.key) and chosen.key not in _MEMBERS:
            raise AwsFailure("InvalidFilterKey", member=None)
        if has_tags and not _is_tag(chosen.key):
            raise modeled("InvalidInstanceInformationFilterValue", "Tag filters cannot be combined with other filters.")
        if chosen.key == "ResourceType" and len(chosen.values) > 1:
            raise modeled("InvalidInstanceInformationFilterValue", "ResourceType filter may contain only one value")


def _check_ids(simulation: Simulation, call: Call, filters: Sequence[Filter | OldFilter]) -> None:
    for chosen in filters:
        if chosen.key == "InstanceIds":
            for instance_id in chosen.values:
                node = simulation.world_state.node(call.account_id, call.region, instance_id)
                if node is None or Trait.GONE in node.traits:
                    raise modeled("InvalidInstanceId")


def _is_tag(key: str) -> bool:
    return key == "tag-key" or key.startswith("tag:")


def _test(filters: Sequence[Filter | OldFilter], as_of_s: int) -> Callable[[Node], bool] | None:
    if not filters:
        return None
    return lambda node: all(_fits(node, chosen, as_of_s) for chosen in filters)


def _fits(node: Node, chosen: Filter | OldFilter, as_of_s: int) -> bool:
    tags = dict(node.tags)
    if chosen.key == "tag-key":
        return any(value in tags for value in chosen.values)
    if chosen.key.startswith("tag:"):
        return tags.get(chosen.key.removeprefix("tag:")) in chosen.values
    return _MEMBERS[chosen.key](wire_node(node, as_of_s)) in chosen.values
