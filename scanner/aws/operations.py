"""Lists every operation that is called at AWS: the request pipeline sends no other, the IAM policies allow no other."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

#: `hub`: with the credentials of the run. `member`: in each account, with the role assumed there.
Caller = Literal["hub", "member"]


class Operation(Struct, frozen=True):
    """One API operation; `service` as IAM policies spell it, `name` as botocore does."""

    service: str
    name: str
    callers: tuple[Caller, ...]
    rate_per_s: float | None = None  # Start and ceiling of its rate where the account-wide settings do not fit

    @property
    def iam_action(self) -> str:
        """Returns the action as IAM policies name it, such as `ssm:GetInventory`."""
        return f"{self.service}:{self.name}"

    def __str__(self) -> str:
        return self.iam_action


GET_CALLER_IDENTITY = Operation("sts", "GetCallerIdentity", ("hub",))
ASSUME_ROLE = Operation("sts", "AssumeRole", ("hub",), rate_per_s=20.0)
LIST_ACCOUNTS = Operation("organizations", "ListAccounts", ("hub",), rate_per_s=4.0)
DESCRIBE_REGIONS = Operation("ec2", "DescribeRegions", ("hub", "member"))
LIST_REGIONS = Operation("account", "ListRegions", ("hub", "member"), rate_per_s=4.0)
DESCRIBE_INSTANCE_INFORMATION = Operation("ssm", "DescribeInstanceInformation", ("hub", "member"))
DESCRIBE_INSTANCE_PATCH_STATES = Operation("ssm", "DescribeInstancePatchStates", ("hub", "member"))
DESCRIBE_INSTANCE_PATCHES = Operation("ssm", "DescribeInstancePatches", ("hub", "member"))
DESCRIBE_INSTANCES = Operation("ec2", "DescribeInstances", ("hub", "member"))
GET_INVENTORY = Operation("ssm", "GetInventory", ("hub", "member"))
LIST_ASSOCIATIONS = Operation("ssm", "ListAssociations", ("hub", "member"))
LIST_COMPLIANCE_ITEMS = Operation("ssm", "ListComplianceItems", ("hub", "member"))
DESCRIBE_PATCH_BASELINES = Operation("ssm", "DescribePatchBaselines", ("hub", "member"))
GET_PATCH_BASELINE = Operation("ssm", "GetPatchBaseline", ("hub", "member"))
GET_SERVICE_SETTING = Operation("ssm", "GetServiceSetting", ("hub", "member"))
GET_RESOURCES = Operation("tag", "GetResources", ("hub", "member"))

OPERATIONS: tuple[Operation, ...] = (
    GET_CALLER_IDENTITY,
    ASSUME_ROLE,
    LIST_ACCOUNTS,
    DESCRIBE_REGIONS,
    LIST_REGIONS,
    DESCRIBE_INSTANCE_INFORMATION,
    DESCRIBE_INSTANCE_PATCH_STATES,
    DESCRIBE_INSTANCE_PATCHES,
    DESCRIBE_INSTANCES,
    GET_INVENTORY,
    LIST_ASSOCIATIONS,
    LIST_COMPLIANCE_ITEMS,
    DESCRIBE_PATCH_BASELINES,
    GET_PATCH_BASELINE,
    GET_SERVICE_SETTING,
    GET_RESOURCES,
)
