"""Answers SSM DescribeInstancePatches: the patches of one node, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scanner.simulator.api.access import check_region, denied
from scanner.simulator.api.paging import cut, end_token, invalid_token, position_of
from scanner.simulator.api.replies import Reply, json_reply, modeled
from scanner.simulator.api.ssm_requests import (
    DEFAULT_PAGE,
    MAX_FILTERS,
    Filter,
    PatchesRequest,
    check,
    decoder,
    instance_id_complaint,
    length_complaint,
    page_size_complaint,
)
from scanner.simulator.generate.packages import PatchRow
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.running.tokens import START, Position
from scanner.simulator.world.organization import Node, Trait

_MEMBERS: dict[str, Callable[[PatchRow], str]] = {
    "State": lambda row: row.state,
    "Severity": lambda row: row.severity,
    "Classification": lambda row: row.classification,
    "KBId": lambda row: row.kb_id,
}
_read = decoder(PatchesRequest)


def describe_instance_patches(simulation: Simulation, call: Call) -> Reply:
    """Returns one page of patches.

    Raises:
        AwsFailure: what the request, the Region, the node or the token deserves.
    """
    check_region(simulation, call)
    request = _read(call.body)
    check(
        [
            instance_id_complaint(request.instance_id),
            length_complaint(request.filters, "filters", MAX_FILTERS),
            page_size_complaint(request.max_results),
        ]
    )
    for chosen in request.filters:
        if chosen.key not in _MEMBERS:
            raise modeled("InvalidFilter", f"The filter key {chosen.key} is not valid.")
    node = _node(simulation, call, request.instance_id)
    listing = f"{call.account_id}/{call.region}/{node.instance_id}/{request.filters!r}"
    position = _position(simulation, node, listing, request.next_token)
    page = cut(
        simulation,
        listing,
        simulation.world_state.patches(node).rows,
        position,
        size=request.max_results or DEFAULT_PAGE,
        fits=_test(request.filters),
        token=request.next_token or None,
    )
    return json_reply({"Patches": page.items, **end_token(simulation, page)})


def _node(simulation: Simulation, call: Call, instance_id: str) -> Node:
    node = simulation.world_state.node(call.account_id, call.region, instance_id)
    if node is None or node.traits & {Trait.GONE, Trait.INVALID}:
        raise modeled("InvalidInstanceId")
    if Trait.DENIED in node.traits:
        kind = "managed-instance" if node.is_hybrid else "instance"
        raise denied(call, f"{kind}/{instance_id}", " because no identity-based policy allows the action")
    return node


def _position(simulation: Simulation, node: Node, listing: str, token: str | None) -> Position:
    position = position_of(simulation, listing, token)
    simulation.scheduled_changes.page_came(node, position.offset)
    generation = simulation.world_state.generation(node)
    if position is START:
        return Position(generation=generation)
    if position.generation == generation:
        return position
    if simulation.faults.patched_midway_tokens == "refused":
        raise invalid_token()
    return Position(position.offset, generation, position.turn, position.is_endless)


def _test(filters: Sequence[Filter]) -> Callable[[PatchRow], bool] | None:
    """Returns whether a row matches any value of every filter."""
    if not filters:
        return None
    tests = [(_MEMBERS[chosen.key], frozenset(chosen.values)) for chosen in filters]
    return lambda row: all(member(row) in values for member, values in tests)
