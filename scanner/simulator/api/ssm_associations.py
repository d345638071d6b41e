"""Answers SSM ListAssociations: what State Manager runs on the nodes of a target."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from msgspec import Struct, field

from scanner.simulator.api.access import check_allowed, check_region
from scanner.simulator.api.paging import page_reply
from scanner.simulator.api.replies import Reply, modeled
from scanner.simulator.api.ssm_compliance import PATCH_DOCUMENT
from scanner.simulator.api.ssm_requests import check, decoder, page_size_complaint
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.organization import Trait

_KEYS = {"Name": "Name", "AssociationName": "AssociationName", "AssociationId": "AssociationId"}


class _Filter(Struct):
    key: str = ""
    value: str = ""


class _Request(Struct, rename="pascal"):
    filters: tuple[_Filter, ...] = field(default=(), name="AssociationFilterList")
    max_results: int | None = None
    next_token: str | None = None


_read = decoder(_Request)


def list_associations(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of associations.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    request = _read(call.body)
    check([page_size_complaint(request.max_results, 1)])
    for chosen in request.filters:
        if chosen.key not in _KEYS:
            raise modeled("InvalidFilter", f"The filter key {chosen.key} is not valid.")
    rows = [
        row for row in _rows(simulation, call) if all(row[_KEYS[each.key]] == each.value for each in request.filters)
    ]
    listing = f"{call.account_id}/{call.region}/associations/{request.filters!r}"
    return page_reply(simulation, listing, rows, request, "Associations")


def _rows(simulation: Simulation, call: Call) -> Iterator[dict[str, object]]:
    region = simulation.world_state.region(call.account_id, call.region)
    nodes = region.nodes if region else ()
    if not nodes:
        return
    yield _row(call, "AWS-GatherSoftwareInventory", "InventoryCollection")
    if any(Trait.ASSOCIATION_SCANNED in node.traits for node in nodes):
        yield _row(call, PATCH_DOCUMENT, "PatchScan")
    if any(Trait.BASELINE_OVERRIDE in node.traits for node in nodes):
        yield _row(call, "AWS-RunPatchBaseline", "ScanWithOverride")


def _row(call: Call, document: str, name: str) -> dict[str, object]:
    return {
        "Name": document,
        "AssociationId": f"{Random(f'{call.account_id}:{call.region}:{document}').getrandbits(128):032x}",
        "AssociationName": name,
        "AssociationVersion": "1",
        "DocumentVersion": "$DEFAULT",
        "Targets": [{"Key": "InstanceIds", "Values": ["*"]}],
        "ScheduleExpression": "rate(1 day)",
        "Overview": {"Status": "Success", "DetailedStatus": "Success"},
    }
