"""Answers SSM GetInventory: what Inventory keeps of nodes, stopped and terminated ones included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import UNSET, Struct

from scanner.simulator.api.access import check_allowed, check_region
from scanner.simulator.api.paging import page_reply
from scanner.simulator.api.replies import Reply, modeled
from scanner.simulator.api.ssm_requests import check, decoder, page_size_complaint
from scanner.simulator.generate.facts import wire_node
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import Node, Trait

_INFORMATION = "AWS:InstanceInformation"
_SUMMARY = "AWS:PatchSummary"
_COUNTS = (
    "installed_count",
    "installed_other_count",
    "installed_pending_reboot_count",
    "installed_rejected_count",
    "missing_count",
    "failed_count",
    "not_applicable_count",
    "unreported_not_applicable_count",
    "critical_non_compliant_count",
    "security_non_compliant_count",
    "other_non_compliant_count",
)


class _Filter(Struct, rename="pascal"):
    key: str = ""
    values: tuple[str, ...] = ()
    type: str = "Equal"


class _ResultAttribute(Struct, rename="pascal"):
    type_name: str = ""


class _Request(Struct, rename="pascal"):
    filters: tuple[_Filter, ...] = ()
    result_attributes: tuple[_ResultAttribute, ...] = ()
    max_results: int | None = None
    next_token: str | None = None


_read = decoder(_Request)
Item = tuple[Node, str]  # A node and its InstanceStatus


def get_inventory(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of nodes with the requested inventory types.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    request = _read(call.body)
    check([page_size_complaint(request.max_results, 1)])
    types = [wanted.type_name for wanted in request.result_attributes] or [_INFORMATION]
    for name in types:
        if name not in (_INFORMATION, _SUMMARY):
            text = f"Invalid result attribute {name}. Supported: {_INFORMATION}, {_SUMMARY}."
            raise modeled("InvalidResultAttributeException", text)
    items = [(node, status) for node, status in _known(simulation, call) if _fits(node, status, request.filters)]
    listing = f"{call.account_id}/{call.region}/inventory/{request.filters!r}/{types!r}"
    return page_reply(
        simulation, listing, items, request, "Entities", lambda item: _entity(simulation, call, item, types)
    )


def _known(simulation: Simulation, call: Call) -> list[Item]:
    region = simulation.world_state.region(call.account_id, call.region)
    if region is None:
        return []
    return [
        *((node, _status(node)) for node in region.nodes),
        *((node, "Terminated") for node in region.departed),
    ]


def _status(node: Node) -> str:
    if Trait.STOPPED in node.traits:
        return "Stopped"
    return "ConnectionLost" if Trait.CONNECTION_LOST in node.traits else "Active"


def _fits(node: Node, status: str, filters: Sequence[_Filter]) -> bool:
    values = {f"{_INFORMATION}.InstanceStatus": status, f"{_INFORMATION}.InstanceId": node.instance_id}
    tests: dict[str, Callable[[str, tuple[str, ...]], bool]] = {
        "Equal": lambda value, wanted: value in wanted,
        "NotEqual": lambda value, wanted: value not in wanted,
        "BeginWith": lambda value, wanted: value.startswith(wanted),
    }
    for chosen in filters:
        if chosen.key not in values or chosen.type not in tests:
            raise modeled("InvalidFilter", f"The filter key {chosen.key} or its type {chosen.type} is not valid.")
        if not tests[chosen.type](values[chosen.key], chosen.values):
            return False
    return True


def _entity(simulation: Simulation, call: Call, item: Item, types: Sequence[str]) -> dict[str, object]:
    node, status = item
    data: dict[str, object] = {}
    if _INFORMATION in types:
        data[_INFORMATION] = _typed(simulation, _INFORMATION, _information(simulation, node, status))
    if _SUMMARY in types and status != "Terminated":
        summary = _summary(simulation, call, node)
        if summary is not None:
            data[_SUMMARY] = _typed(simulation, _SUMMARY, summary)
    return {"Id": node.instance_id, "Data": data}


def _typed(simulation: Simulation, name: str, content: dict[str, str]) -> dict[str, object]:
    captured = _iso(float(simulation.world.as_of_s))
    return {"TypeName": name, "SchemaVersion": "1.0", "CaptureTime": captured, "Content": [content]}


def _information(simulation: Simulation, node: Node, status: str) -> dict[str, str]:
    if status == "Terminated":
        return {"InstanceId": node.instance_id, "InstanceStatus": status}
    row = wire_node(node, simulation.world.as_of_s)
    return {
        "AgentType": "amazon-ssm-agent",
        "AgentVersion": row.agent_version,
        "ComputerName": row.computer_name,
        "InstanceId": node.instance_id,
        "InstanceStatus": status,
        "IpAddress": row.ip_address,
        "PlatformName": row.platform_name,
        "PlatformType": row.platform_type,
        "PlatformVersion": row.platform_version,
        "ResourceType": row.resource_type,
    }


def _summary(simulation: Simulation, call: Call, node: Node) -> dict[str, str] | None:
    """Returns the patch state with every count and time as text, the way Inventory has it."""
    state = simulation.world_state.patch_state(call.account_id, call.region, node)
    if state is None:
        return None
    counts = {_pascal(name): str(getattr(state, name)) for name in _COUNTS}
    if state.available_security_update_count is not UNSET:
        counts["AvailableSecurityUpdateCount"] = str(state.available_security_update_count)
    return {
        **counts,
        "BaselineId": state.baseline_id,
        "PatchGroup": state.patch_group,
        "SnapshotId": "" if state.snapshot_id is UNSET else state.snapshot_id,
        "OperationType": state.operation,
        "OperationStartTime": _iso(state.operation_start_time),
        "OperationEndTime": _iso(state.operation_end_time),
        "RebootOption": "" if state.reboot_option is UNSET else state.reboot_option,
    }


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _iso(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
