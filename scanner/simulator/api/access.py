"""Decides whether a caller may make a call in its account and Region."""

from __future__ import annotations

from scanner.simulator.api.replies import AwsFailure
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import RegionStatus

_IAM_PREFIXES = {"tagging": "tag"}
_NOT_ENABLED = {
    "tagging": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    "ssm": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
}


def check_region(simulation: Simulation, call: Call) -> None:
    """Accepts a call to a Region that the account can use, by a caller whose role still exists.

    Raises:
        AwsFailure: the Region is not enabled or denied by a service control policy, or the role was revoked.
    """
    match simulation.world_state.region_status(call.account_id, call.region):
        case RegionStatus.NOT_ENABLED:
            code, message, status = _NOT_ENABLED[call.service]
            raise AwsFailure(code, message, status=status)
        case RegionStatus.SCP_DENIED:
            raise denied(call, "*", " with an explicit deny in a service control policy")
        case _:
            pass
    if call.keys.token is not None and call.account_id in simulation.world_state.revoked:
        raise denied(call, "*", " because no identity-based policy allows the action")


def check_allowed(simulation: Simulation, call: Call) -> None:
    """Accepts a call that the account allows.

    Raises:
        AwsFailure: the action is among those denied there.
    """
    if f"{_IAM_PREFIXES.get(call.service, call.service)}:{call.operation}" in _denied_actions(simulation, call):
        raise denied(call, "*", " because no identity-based policy allows the action")


def _denied_actions(simulation: Simulation, call: Call) -> frozenset[str]:
    return simulation.world.accounts[call.account_id].denied_actions


def denied(call: Call, resource: str, why: str) -> AwsFailure:
    """Returns the refusal of a call on `resource`, with the error code of its service."""
    prefix = _IAM_PREFIXES.get(call.service, call.service)
    arn = f"arn:aws:{call.service}:{call.region}:{call.account_id}:{resource}"
    message = f"User: {call.keys.arn} is not authorized to perform: {prefix}:{call.operation} on resource: {arn}{why}"
    if call.service == "ec2":
        return AwsFailure("UnauthorizedOperation", message, status=403)
    return AwsFailure("AccessDeniedException", message)
