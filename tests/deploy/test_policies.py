"""The roles may do what the code asks for, and nothing else."""

from __future__ import annotations

import inspect
import re

import pytest

from scanner.aws.operations import OPERATIONS
from scanner.files import s3
from tests.deploy.templates import allowed, resources

#: What IAM calls the S3 operations; the operations table is about what is scanned.
STORE_ACTIONS = {
    "delete_objects": "s3:DeleteObject",
    "get_object": "s3:GetObject",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
}

#: Actions that IAM takes on `*` only.
WITHOUT_RESOURCE = {
    "ec2:DescribeInstances",
    "ec2:DescribeRegions",
    "organizations:ListAccounts",
    "ssm:DescribeInstanceInformation",
    "ssm:DescribePatchBaselines",
    "ssm:GetInventory",
    "ssm:ListAssociations",
    "ssm:ListComplianceItems",
    "sts:GetCallerIdentity",
    "tag:GetResources",
}

PATCH_RESOURCES = [
    {"Fn::Sub": "arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:instance/*"},
    {"Fn::Sub": "arn:${AWS::Partition}:ssm:*:${AWS::AccountId}:managed-instance/*"},
]

ROLES = {
    "hub": resources("hub.yaml")["TaskRole"],
    "member": resources("member-role.yaml")["MemberRole"],
}


def actions_called_by(caller: str) -> set[str]:
    return {operation.iam_action for operation in OPERATIONS if caller in operation.callers}


def test_every_operation_that_the_store_calls_on_s3_is_known_here():
    assert set(re.findall(r"_client\.(\w+)\(", inspect.getsource(s3))) == set(STORE_ACTIONS)


def test_the_hub_may_do_exactly_what_the_code_calls_with_the_credentials_of_the_run():
    assert sorted(action for action, _, _ in allowed(ROLES["hub"])) == sorted(
        actions_called_by("hub") | {*STORE_ACTIONS.values(), "kms:Decrypt", "kms:GenerateDataKey"}
    )


def test_a_member_may_do_exactly_what_the_code_calls_with_the_assumed_role():
    assert sorted(action for action, _, _ in allowed(ROLES["member"])) == sorted(actions_called_by("member"))


@pytest.mark.parametrize("caller", ROLES)
def test_a_star_resource_stands_only_where_iam_knows_no_other(caller):
    on_everything = {action for action, resources, _ in allowed(ROLES[caller]) if "*" in resources}
    assert on_everything == actions_called_by(caller) & WITHOUT_RESOURCE


@pytest.mark.parametrize("caller", ROLES)
def test_patches_are_read_from_the_nodes_of_the_own_account_only(caller):
    nodes = {action: resources for action, resources, _ in allowed(ROLES[caller]) if "DescribeInstancePatch" in action}
    assert nodes == {
        "ssm:DescribeInstancePatches": PATCH_RESOURCES,
        "ssm:DescribeInstancePatchStates": PATCH_RESOURCES,
    }


def test_the_hub_assumes_one_role_name_within_the_organization():
    grants = {action: (resources, condition) for action, resources, condition in allowed(ROLES["hub"])}
    assert grants["sts:AssumeRole"] == (
        [{"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${RoleName}"}],
        {"StringEquals": {"aws:ResourceOrgID": {"Ref": "OrganizationId"}}},
    )


def test_the_hub_sees_the_store_and_the_tables_of_its_bucket_and_no_other_object():
    grants = {action: (resources, condition) for action, resources, condition in allowed(ROLES["hub"])}
    objects = [{"Fn::Sub": "${Bucket.Arn}/store/*"}, {"Fn::Sub": "${Bucket.Arn}/tables/*"}]
    assert all(grants[action] == (objects, {}) for action in {*STORE_ACTIONS.values()} - {"s3:ListBucket"})
    assert grants["s3:ListBucket"] == ([{"Fn::GetAtt": ["Bucket", "Arn"]}], {})


def test_only_the_hub_may_assume_a_member_role():
    [statement] = ROLES["member"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    [arn, variables] = statement["Principal"]["AWS"]["Fn::Sub"]
    assert arn == "arn:${AWS::Partition}:iam::${HubAccount}:root"
    assert variables == {"HubAccount": {"Fn::Select": [4, {"Fn::Split": [":", {"Ref": "HubRoleArn"}]}]}}
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": {"Ref": "HubRoleArn"}},
        "StringEquals": {
            "aws:PrincipalOrgID": {"Ref": "OrganizationId"},
            "sts:ExternalId": {"Fn::If": ["HasExternalId", {"Ref": "ExternalId"}, {"Ref": "AWS::NoValue"}]},
        },
    }
