"""Answers Resource Groups Tagging GetResources: the tags of hybrid nodes, which EC2 does not know."""

from __future__ import annotations

from msgspec import Struct

from scanner.simulator.api.access import check_allowed, check_region
from scanner.simulator.api.paging import cut, position_of
from scanner.simulator.api.replies import AwsFailure, Reply, json_reply
from scanner.simulator.api.ssm_requests import decoder
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import Node

_SIZES = range(1, 101)
_MANAGED_INSTANCE = "ssm:managed-instance"


class _Request(Struct, rename="pascal"):
    resource_type_filters: tuple[str, ...] = ()
    resources_per_page: int | None = None
    pagination_token: str = ""


_read = decoder(_Request)


def get_resources(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of tagged hybrid nodes; those without any tag are left out.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    request = _read(call.body)
    size = 100 if request.resources_per_page is None else request.resources_per_page
    if size not in _SIZES:
        raise AwsFailure("InvalidParameterException", "ResourcesPerPage must be between 1 and 100")
    region = simulation.world_state.region(call.account_id, call.region)
    wanted = not request.resource_type_filters or _MANAGED_INSTANCE in request.resource_type_filters
    nodes = [node for node in (region.nodes if region and wanted else ()) if node.is_hybrid and node.tags]
    listing = f"{call.account_id}/{call.region}/resources/{request.resource_type_filters!r}"
    try:
        position = position_of(simulation, listing, request.pagination_token)
        page = cut(simulation, listing, nodes, position, size=size, token=request.pagination_token or None)
    except AwsFailure as failure:
        raise AwsFailure("PaginationTokenExpiredException", "The pagination token expired.") from failure
    rows = [_row(call, node) for node in page.items]
    return json_reply({"ResourceTagMappingList": rows, "PaginationToken": page.next_token or ""})


def _row(call: Call, node: Node) -> dict[str, object]:
    return {
        "ResourceARN": f"arn:aws:ssm:{call.region}:{call.account_id}:managed-instance/{node.instance_id}",
        "Tags": [{"Key": key, "Value": value} for key, value in node.tags],
    }
