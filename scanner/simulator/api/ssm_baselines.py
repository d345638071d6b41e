"""Answers SSM DescribePatchBaselines and GetPatchBaseline: which patches are approved, and when."""

from __future__ import annotations

from msgspec import Struct

from scanner.simulator.api.access import check_allowed, check_region
from scanner.simulator.api.paging import cut, end_token, position_of
from scanner.simulator.api.replies import AwsFailure, Reply, json_reply, modeled
from scanner.simulator.api.ssm_requests import Filter, decoder
from scanner.simulator.generate.baselines import aws_baselines
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.machines import ApprovalRule, Baseline

_SIZES = range(1, 101)
_OWNERS = {"AWS": True, "Self": False}


class _BaselinesRequest(Struct, rename="pascal"):
    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None


class _BaselineRequest(Struct, rename="pascal"):
    baseline_id: str = ""


_read_list = decoder(_BaselinesRequest)
_read_one = decoder(_BaselineRequest)


def describe_patch_baselines(simulation: Simulation, call: Call) -> Reply:
    """Answers one page of baselines, the account's own and AWS's.

    Raises:
        AwsFailure: what the request, the Region or the token deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    request = _read_list(call.body)
    size = 10 if request.max_results is None else request.max_results
    if size not in _SIZES:
        raise AwsFailure("ValidationException", f"Value '{size}' at 'maxResults' failed to satisfy constraint")
    rows = [row for row in _known(simulation, call) if all(_fits(row, chosen) for chosen in request.filters)]
    listing = f"{call.account_id}/{call.region}/baselines/{request.filters!r}"
    position = position_of(simulation, listing, request.next_token)
    page = cut(simulation, listing, rows, position, size=size, token=request.next_token or None)
    identities = [
        {
            "BaselineId": row.baseline_id,
            "BaselineName": row.name,
            "OperatingSystem": row.operating_system,
            "BaselineDescription": "",
            "DefaultBaseline": row.is_default,
        }
        for row in page.items
    ]
    return json_reply({"BaselineIdentities": identities, **end_token(simulation, page)})


def get_patch_baseline(simulation: Simulation, call: Call) -> Reply:
    """Answers one baseline whole. AWS's own are known by their ARN alone.

    Raises:
        AwsFailure: DoesNotExistException, or what the Region or the caller deserves.
    """
    check_region(simulation, call)
    check_allowed(simulation, call)
    wanted = _read_one(call.body).baseline_id
    for row in _known(simulation, call):
        if row.baseline_id == wanted:
            return json_reply(_whole(row))
    raise modeled("DoesNotExistException", f"Patch baseline {wanted} does not exist.")


def _known(simulation: Simulation, call: Call) -> list[Baseline]:
    own = simulation.world.accounts[call.account_id].baselines
    return [*own, *aws_baselines(call.region)]


def _fits(row: Baseline, chosen: Filter) -> bool:
    match chosen.key:
        case "OWNER":
            return any(_OWNERS.get(value) is row.is_owned_by_aws for value in chosen.values)
        case "NAME_PREFIX":
            return row.name.startswith(tuple(chosen.values))
        case _:
            raise modeled("InvalidFilter", f"The filter key {chosen.key} is not valid.")


def _whole(row: Baseline) -> dict[str, object]:
    return {
        "BaselineId": row.baseline_id,
        "Name": row.name,
        "OperatingSystem": row.operating_system,
        "GlobalFilters": {"PatchFilters": []},
        "ApprovalRules": {"PatchRules": [_rule(rule) for rule in row.rules]},
        "ApprovedPatches": list(row.approved_patches),
        "ApprovedPatchesComplianceLevel": "UNSPECIFIED",
        "ApprovedPatchesEnableNonSecurity": False,
        "RejectedPatches": list(row.rejected_patches),
        "RejectedPatchesAction": row.rejected_patches_action,
        "PatchGroups": [],
        "CreatedDate": float(row.modified_s),
        "ModifiedDate": float(row.modified_s),
        "Description": "",
        "Sources": [],
        "AvailableSecurityUpdatesComplianceStatus": row.available_security_updates,
    }


def _rule(rule: ApprovalRule) -> dict[str, object]:
    filters = [
        {"Key": key, "Values": list(values)}
        for key, values in (("CLASSIFICATION", rule.classifications), ("SEVERITY", rule.severities))
        if values
    ]
    made: dict[str, object] = {
        "PatchFilterGroup": {"PatchFilters": filters},
        "ComplianceLevel": rule.compliance_level,
        "EnableNonSecurity": rule.enable_non_security,
    }
    if rule.approve_until_date:
        made["ApproveUntilDate"] = rule.approve_until_date
    else:
        made["ApproveAfterDays"] = rule.approve_after_days
    return made
