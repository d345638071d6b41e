"""Lists every operation that the simulator answers, and how each service refuses a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from scanner.simulator.api.ec2_instances import describe_instances, describe_tags
from scanner.simulator.api.organizational_units import (
    describe_organization,
    list_accounts_for_parent,
    list_organizational_units_for_parent,
    list_parents,
    list_roots,
)
from scanner.simulator.api.organizations import list_accounts
from scanner.simulator.api.regions import describe_regions, list_regions
from scanner.simulator.api.replies import PROTOCOLS, AwsFailure, Protocol, Reply, modeled
from scanner.simulator.api.ssm_associations import list_associations
from scanner.simulator.api.ssm_baselines import describe_patch_baselines, get_patch_baseline
from scanner.simulator.api.ssm_compliance import list_compliance_items, list_resource_compliance_summaries
from scanner.simulator.api.ssm_inventory import get_inventory
from scanner.simulator.api.ssm_nodes import describe_instance_information
from scanner.simulator.api.ssm_patches import describe_instance_patches
from scanner.simulator.api.ssm_settings import get_service_setting
from scanner.simulator.api.ssm_states import describe_instance_patch_states
from scanner.simulator.api.sts import assume_role, get_caller_identity
from scanner.simulator.api.tagging import get_resources
from scanner.simulator.running.simulation import Call, Simulation

Handler = Callable[[Simulation, Call], Reply]

OPERATIONS: dict[tuple[str, str], Handler] = {
    ("sts", "GetCallerIdentity"): get_caller_identity,
    ("sts", "AssumeRole"): assume_role,
    ("organizations", "ListAccounts"): list_accounts,
    ("ec2", "DescribeRegions"): describe_regions,
    ("account", "ListRegions"): list_regions,
    ("ssm", "DescribeInstanceInformation"): describe_instance_information,
    ("ssm", "DescribeInstancePatchStates"): describe_instance_patch_states,
    ("ssm", "DescribeInstancePatches"): describe_instance_patches,
    ("organizations", "DescribeOrganization"): describe_organization,
    ("organizations", "ListRoots"): list_roots,
    ("organizations", "ListOrganizationalUnitsForParent"): list_organizational_units_for_parent,
    ("organizations", "ListAccountsForParent"): list_accounts_for_parent,
    ("organizations", "ListParents"): list_parents,
    ("ec2", "DescribeInstances"): describe_instances,
    ("ec2", "DescribeTags"): describe_tags,
    ("ssm", "GetInventory"): get_inventory,
    ("ssm", "ListComplianceItems"): list_compliance_items,
    ("ssm", "ListResourceComplianceSummaries"): list_resource_compliance_summaries,
    ("ssm", "ListAssociations"): list_associations,
    ("ssm", "DescribePatchBaselines"): describe_patch_baselines,
    ("ssm", "GetPatchBaseline"): get_patch_baseline,
    ("ssm", "GetServiceSetting"): get_service_setting,
    ("tagging", "GetResources"): get_resources,
}
#: The member that an SSM answer is all about.
LISTS = {
    "DescribeInstanceInformation": "InstanceInformationList",
    "DescribeInstancePatchStates": "InstancePatchStates",
    "DescribeInstancePatches": "Patches",
    "GetInventory": "Entities",
    "ListComplianceItems": "ComplianceItems",
    "ListResourceComplianceSummaries": "ResourceComplianceSummaryItems",
    "ListAssociations": "Associations",
    "DescribePatchBaselines": "BaselineIdentities",
    "GetResources": "ResourceTagMappingList",
}
_TARGETS = {
    "tagging": "ResourceGroupsTaggingAPI_20170126",
    "ssm": "AmazonSSM",
    "organizations": "AWSOrganizationsV20161128",
}
_PATHS = {"/listRegions": "ListRegions"}


def operation_of(service: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
    """Returns the operation that a request names in the way of its protocol; empty where there is none."""
    match PROTOCOLS.get(service):
        case "json":
            prefix, _, operation = headers.get("x-amz-target", "").partition(".")
            return operation if prefix == _TARGETS[service] else ""
        case "rest-json":
            return _PATHS.get(path, "")
        case _:
            return parse_qs(body.decode("latin-1")).get("Action", [""])[0]


def protocol_of(service: str, body: bytes) -> Protocol:
    """Returns the protocol of a service; of one that is not simulated, the one that the request looks like."""
    return PROTOCOLS.get(service) or ("query" if b"Action=" in body else "json")


def unknown_operation(protocol: Protocol) -> AwsFailure:
    if protocol in ("query", "ec2"):
        return AwsFailure("InvalidAction", "Could not find operation in this service.")
    return AwsFailure("UnknownOperationException")


def too_fast(service: str) -> AwsFailure:
    """Returns the error with which a service throttles."""
    match service:
        case "organizations":
            text = "You have sent too many requests in too short a period of time. Try again later."
            return modeled("TooManyRequestsException", text)
        case "account":
            return AwsFailure("TooManyRequestsException", "Rate exceeded", status=429)
        case "ec2":
            return AwsFailure("RequestLimitExceeded", "Request limit exceeded.", status=503)
        case "sts":
            return AwsFailure("Throttling", "Rate exceeded")
        case _:
            return AwsFailure("ThrottlingException", "Rate exceeded")
