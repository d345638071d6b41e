"""Answers SSM DescribeInstancePatchStates: the patch states of up to 50 nodes."""

from __future__ import annotations

from scanner.simulator.api.access import check_region
from scanner.simulator.api.paging import cut, end_token, position_of
from scanner.simulator.api.replies import Reply, json_reply
from scanner.simulator.api.ssm_requests import (
    DEFAULT_PAGE,
    MAX_IDS,
    StatesRequest,
    check,
    decoder,
    length_complaint,
    page_size_complaint,
)
from scanner.simulator.generate.facts import WirePatchState
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import Trait

_read = decoder(StatesRequest)


def describe_instance_patch_states(simulation: Simulation, call: Call) -> Reply:
    """Returns one page of patch states; a node without one, or an unknown one, is left out.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    request = _read(call.body)
    check(
        [
            length_complaint(request.instance_ids, "instanceIds", MAX_IDS),
            page_size_complaint(request.max_results),
        ]
    )
    states: list[WirePatchState] = []
    for instance_id in dict.fromkeys(request.instance_ids):
        node = simulation.world_state.node(call.account_id, call.region, instance_id)
        state = simulation.world_state.patch_state(call.account_id, call.region, node) if node else None
        if node is not None and state is not None:
            states += [state] * (2 if Trait.STATE_TWICE in node.traits else 1)
    listing = f"{call.account_id}/{call.region}/states/{','.join(request.instance_ids)}"
    position = position_of(simulation, listing, request.next_token)
    size = request.max_results or DEFAULT_PAGE
    page = cut(simulation, listing, states, position, size=size, token=request.next_token or None)
    return json_reply({"InstancePatchStates": page.items, **end_token(simulation, page)})
