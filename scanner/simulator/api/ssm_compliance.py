"""Answers SSM ListComplianceItems and ListResourceComplianceSummaries: compliance by item and by node."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
from msgspec import UNSET, Struct

from scanner.simulator.api.access import check_allowed, check_region
from scanner.simulator.api.paging import page_reply
from scanner.simulator.api.replies import Reply, modeled
from scanner.simulator.api.ssm_requests import check, decoder, length_complaint, page_size_complaint
from scanner.simulator.generate.packages import PatchRow
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import Node, Trait

PATCH_DOCUMENT = "AWS-RunPatchBaselineAssociation"
_NON_COMPLIANT = frozenset({"Missing", "Failed", "InstalledPendingReboot", "InstalledRejected"})
_SEVERITIES = ("CriticalCount", "HighCount", "MediumCount", "LowCount", "InformationalCount", "UnspecifiedCount")


class _Filter(Struct, rename="pascal"):
    key: str = ""
    values: tuple[str, ...] = ()
    type: str = "EQUAL"


class _ItemsRequest(Struct, rename="pascal"):
    resource_ids: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    filters: tuple[_Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None


_read = decoder(_ItemsRequest)
Item = dict[str, object]


def list_compliance_items(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of the compliance items of one node.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    request = _read(call.body)
    check([page_size_complaint(request.max_results, 1), length_complaint(request.resource_ids, "resourceIds", 1, 1)])
    if set(request.resource_types) - {"ManagedInstance"}:
        raise modeled("InvalidResourceType")
    instance_id = request.resource_ids[0]
    node = simulation.world_state.node(call.account_id, call.region, instance_id)
    if node is None:
        raise modeled("InvalidResourceId")
    items = [*_associations(simulation, call, node), *_patches(simulation, node)]
    fits = _test(request.filters, ("ComplianceType", "Status", "Severity"))
    listing = f"{call.account_id}/{call.region}/compliance/{instance_id}/{request.filters!r}"
    return page_reply(simulation, listing, [item for item in items if fits(item)], request, "ComplianceItems")


def list_resource_compliance_summaries(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of the compliance of all nodes, with a row for each type.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    request = _read(call.body)
    check([page_size_complaint(request.max_results, 1)])
    region = simulation.world_state.region(call.account_id, call.region)
    rows: list[Item] = []
    for node in region.nodes if region else ():
        rows += [_summary(node, items) for items in (_associations(simulation, call, node), _patches(simulation, node))]
    fits = _test(request.filters, ("ComplianceType", "Status"))
    listing = f"{call.account_id}/{call.region}/summaries/{request.filters!r}"
    wanted = [row for row in rows if row and fits(row)]
    return page_reply(simulation, listing, wanted, request, "ResourceComplianceSummaryItems")


def _test(filters: tuple[_Filter, ...], keys: tuple[str, ...]) -> Callable[[Item], bool]:
    for chosen in filters:
        if chosen.key not in keys or chosen.type not in ("EQUAL", "NOT_EQUAL"):
            raise modeled("InvalidFilter", f"The filter key {chosen.key} or its type {chosen.type} is not valid.")
    return lambda item: all((item[each.key] in each.values) is (each.type == "EQUAL") for each in filters)


def _associations(simulation: Simulation, call: Call, node: Node) -> list[Item]:
    """Returns one item for each association of the node; the patching one has counts and lists nothing."""
    rng = Random(f"association:{node.seed}")
    ended_s = float(simulation.world.as_of_s - rng.randrange(600, 80_000))
    items = [_association(node, "AWS-GatherSoftwareInventory", "InventoryCollection", "COMPLIANT", ended_s, {})]
    if Trait.ASSOCIATION_SCANNED not in node.traits:
        return items
    missing = rng.randrange(20)
    details = {
        "PatchBaselineId": simulation.world_state.baseline(call.account_id, call.region, node).baseline_id,
        "DetailedText": msgspec.json.encode(
            {
                "PatchGroup": dict(node.tags).get("PatchGroup", ""),
                "InstalledCount": str(100 + rng.randrange(300)),
                "InstalledOtherCount": str(rng.randrange(300)),
                "InstalledPendingRebootCount": "0",
                "InstalledRejectedCount": "0",
                "MissingCount": str(missing),
                "FailedCount": "0",
                "NotApplicableCount": str(rng.randrange(2000)),
                "OperationType": "Scan",
                "OperationStartTime": str(ended_s - 60),
                "OperationEndTime": str(ended_s),
            }
        ).decode(),
    }
    status = "NON_COMPLIANT" if missing else "COMPLIANT"
    return [*items, _association(node, PATCH_DOCUMENT, "PatchScan", status, ended_s, details)]


def _association(node: Node, document: str, title: str, status: str, ended_s: float, details: dict[str, str]) -> Item:
    return {
        "ComplianceType": "Association",
        "ResourceType": "ManagedInstance",
        "ResourceId": node.instance_id,
        "Id": f"{Random(f'{document}:{node.seed}').getrandbits(64):016x}",
        "Title": title,
        "Status": status,
        "Severity": "UNSPECIFIED",
        "ExecutionSummary": {"ExecutionTime": ended_s},
        "Details": {"DocumentName": document, "DocumentVersion": "1", **details},
    }


def _patches(simulation: Simulation, node: Node) -> list[Item]:
    if Trait.GONE in node.traits:
        return []
    return [_patch(node, row) for row in simulation.world_state.patches(node).rows]


def _patch(node: Node, row: PatchRow) -> Item:
    details = {
        "Classification": row.classification,
        "PatchSeverity": row.severity,
        "PatchState": row.state,
        "PatchGroup": dict(node.tags).get("PatchGroup", ""),
    }
    if row.cve_ids is not UNSET:
        details["CVEIds"] = row.cve_ids
    return {
        "ComplianceType": "Patch",
        "ResourceType": "ManagedInstance",
        "ResourceId": node.instance_id,
        "Id": row.kb_id,
        "Title": row.title,
        "Status": "NON_COMPLIANT" if row.state in _NON_COMPLIANT else "COMPLIANT",
        "Severity": row.severity.upper() if row.severity in ("Critical", "High", "Medium", "Low") else "UNSPECIFIED",
        "ExecutionSummary": {"ExecutionTime": 1_790_000_000.0, "ExecutionType": "Command"},
        "Details": details,
    }


def _summary(node: Node, items: list[Item]) -> Item:
    """Returns one row for the items of one type; an empty one where there are none."""
    if not items:
        return {}
    bad = sum(item["Status"] == "NON_COMPLIANT" for item in items)
    return {
        "ComplianceType": items[0]["ComplianceType"],
        "ResourceType": "ManagedInstance",
        "ResourceId": node.instance_id,
        "Status": "NON_COMPLIANT" if bad else "COMPLIANT",
        "OverallSeverity": "UNSPECIFIED",
        "ExecutionSummary": items[0]["ExecutionSummary"],
        "CompliantSummary": _counted("CompliantCount", len(items) - bad),
        "NonCompliantSummary": _counted("NonCompliantCount", bad),
    }


def _counted(member: str, count: int) -> dict[str, object]:
    severities = {**dict.fromkeys(_SEVERITIES, 0), "UnspecifiedCount": count}
    return {member: count, "SeveritySummary": severities}
