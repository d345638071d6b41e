"""From a scope to its targets, over the wire."""

from __future__ import annotations

import re

import anyio
import pytest

from scanner.aws.open import open_aws
from scanner.core.errors import ConfigError, Unavailable
from scanner.core.model import Target, TargetStatus
from scanner.core.settings import ScopeSettings, Settings
from tests.aws.fake_ssm import (
    HUB,
    MEMBER,
    QUICK,
    Answer,
    ec2_error,
    error,
    identity,
    ok,
    regions,
    role_session,
)
from tests.aws.fake_ssm import xml_error as sts_error

pytestmark = pytest.mark.slow

THIRD = "333333333333"


async def discovered(**scope):
    async with open_aws(Settings(limits=QUICK, scope=ScopeSettings(**scope))) as aws:
        return await aws.discover()


async def targets_of(**scope):
    return [str(target) for target in (await discovered(**scope)).targets]


def account(account_id, **fields):
    return {"Id": account_id, "Name": f"name-{account_id[0]}", "State": "ACTIVE", **fields}


async def test_without_any_setting_it_is_the_own_account_and_region(aws):
    assert await targets_of() == [f"{HUB}/eu-west-1"]


async def test_named_accounts_and_regions_need_no_organization(aws):
    found = await targets_of(accounts=(HUB, MEMBER), role_name="r", regions=("eu-west-1", "us-east-1"))
    assert found == [f"{HUB}/eu-west-1", f"{MEMBER}/eu-west-1", f"{HUB}/us-east-1", f"{MEMBER}/us-east-1"]
    assert {call.operation for call in aws.calls} == {"GetCallerIdentity"}


async def test_the_organization_is_listed_past_empty_pages_and_haste(aws):
    aws.on(
        "ListAccounts",
        error("TooManyRequestsException", "You have sent too many requests"),
        ok(Accounts=[account(HUB)], NextToken="a"),
        ok(Accounts=[], NextToken="b"),
        ok(Accounts=[account(MEMBER)]),
    )
    found = await discovered(accounts=("organization",), role_name="r")
    assert found.targets == [Target(HUB, "eu-west-1", "name-1"), Target(MEMBER, "eu-west-1", "name-2")]
    assert [target.account_name for target in found.targets] == ["name-1", "name-2"]
    assert [call.members for call in aws.of("ListAccounts")[1:]] == [
        {"MaxResults": 20},
        {"MaxResults": 20, "NextToken": "a"},
        {"MaxResults": 20, "NextToken": "b"},
    ]


@pytest.mark.parametrize(
    ("fields", "is_covered"),
    [
        ({}, True),
        ({"State": None, "Status": "ACTIVE"}, True),
        ({"State": "CLOSED", "Status": "ACTIVE"}, False),
        ({"State": "SUSPENDED"}, False),
        ({"State": "PENDING_ACTIVATION"}, False),
        ({"State": "A_NEW_ONE"}, True),
        ({"State": None}, True),
        ({"State": None, "Status": "PENDING_CLOSURE"}, False),
    ],
)
async def test_an_account_is_left_out_only_if_aws_calls_it_inactive(aws, fields, is_covered):
    aws.on("ListAccounts", ok(Accounts=[account(HUB), account(MEMBER, **fields)]))
    found = await targets_of(accounts=("organization",), role_name="r")
    assert (f"{MEMBER}/eu-west-1" in found) is is_covered


@pytest.mark.parametrize("odd", [7, True, [], {"a": 1}])
async def test_odd_members_of_an_account_cost_themselves_alone(aws, odd):
    member = account(MEMBER, Name=odd, State=odd, Status=odd, Paths=odd, Email=odd)
    aws.on("ListAccounts", ok(Accounts=[account(HUB), member]))
    found = await discovered(accounts=("organization",), role_name="r")
    assert [(target.account_id, target.account_name) for target in found.targets] == [(HUB, "name-1"), (MEMBER, None)]
    assert found.outcomes == []


async def test_excluded_accounts_and_regions_are_left_out(aws):
    aws.on("ListAccounts", ok(Accounts=[account(HUB), account(MEMBER)]))
    aws.on("DescribeRegions", regions("eu-west-1", "us-east-1"))
    found = await targets_of(
        accounts=("organization",),
        regions=("enabled",),
        role_name="r",
        exclude_accounts=(HUB,),
        exclude_regions=("us-east-1",),
    )
    assert found == [f"{MEMBER}/eu-west-1"]


async def test_enabled_regions_are_asked_of_each_account_with_its_role(aws):
    by_key = {"AKIAHUB": regions("eu-west-1"), f"ASIA{MEMBER}N1": regions("us-east-1", "af-south-1")}
    aws.on("DescribeRegions", lambda call: by_key[call.access_key])
    found = await targets_of(accounts=(HUB, MEMBER), role_name="r", regions=("enabled",))
    assert found == [f"{HUB}/eu-west-1", f"{MEMBER}/af-south-1", f"{MEMBER}/us-east-1"]
    assert {call.members["AllRegions"] for call in aws.of("DescribeRegions")} == {"true"}


@pytest.mark.parametrize(
    ("status", "is_covered"),
    [("opted-in", True), ("opt-in-not-required", True), ("new-word", True), ("not-opted-in", False)],
)
async def test_only_a_region_that_the_list_calls_off_is_left_out(aws, status, is_covered):
    aws.on("DescribeRegions", regions("eu-west-1", af_south_1=status))
    found = await targets_of(regions=("enabled",))
    assert found == ([f"{HUB}/af-south-1"] if is_covered else []) + [f"{HUB}/eu-west-1"]


async def test_an_account_that_stays_shut_is_named_and_does_not_hide_the_others(aws):
    aws.on(
        "AssumeRole",
        lambda call: sts_error("AccessDenied", "no trust") if MEMBER in call.members["RoleArn"] else role_session(call),
    )
    aws.on("DescribeRegions", regions("eu-west-1"))
    found = await discovered(accounts=(HUB, MEMBER, THIRD), role_name="r", regions=("enabled",))
    assert [str(target) for target in found.targets] == [f"{HUB}/eu-west-1", f"{THIRD}/eu-west-1"]
    (outcome,) = found.outcomes
    assert (str(outcome.target), outcome.status) == (f"{MEMBER}/*", TargetStatus.DENIED)
    assert f"Role arn:aws:iam::{MEMBER}:role/r cannot be assumed" in outcome.reason


NOT_TOLD = [
    (ec2_error("UnauthorizedOperation", "You are not authorized"), TargetStatus.DENIED),
    (ec2_error("UnauthorizedOperation", "explicit deny in a service control policy"), TargetStatus.DENIED),
    (ec2_error("AuthFailure", "AWS was not able to validate the credentials", 401), TargetStatus.DENIED),
    (ec2_error("OptInRequired", "You are not subscribed to this service"), TargetStatus.DENIED),
    (ec2_error("InternalError", "An internal error", 500), TargetStatus.FAILED),
    (regions(), TargetStatus.FAILED),
    (regions(eu_west_1="not-opted-in"), TargetStatus.FAILED),
]


@pytest.mark.parametrize(("answer", "status"), NOT_TOLD)
async def test_an_account_whose_regions_nobody_lists_is_a_gap_and_the_regions_of_the_sdk_are_tried(aws, answer, status):
    aws.on("DescribeRegions", answer)
    found = await discovered(regions=("enabled",))
    assert [(str(outcome.target), outcome.status) for outcome in found.outcomes] == [(f"{HUB}/*", status)]
    assert f"ec2:DescribeRegions in account {HUB}" in found.outcomes[0].reason
    assert f"the {len(found.targets)} Regions that this version of the SDK knows are tried" in found.outcomes[0].reason
    assert {f"{HUB}/eu-west-1", f"{HUB}/us-east-1", f"{HUB}/af-south-1"} <= {str(target) for target in found.targets}


@pytest.mark.parametrize("answer", [answer for answer, _ in NOT_TOLD])
async def test_another_region_of_ec2_is_asked_before_an_account_is_given_up(aws, answer):
    listed = regions("eu-west-1", "us-east-1")
    aws.on("DescribeRegions", lambda call: listed if call.region == "us-east-1" else answer)
    found = await discovered(regions=("enabled",))
    assert found.outcomes == []
    assert [str(target) for target in found.targets] == [f"{HUB}/eu-west-1", f"{HUB}/us-east-1"]


@pytest.mark.parametrize("signed_by", ["AKIAHUB", f"ASIA{MEMBER}N1"])
async def test_account_management_is_asked_with_the_role_and_as_the_management_account(aws, signed_by):
    rows = [{"RegionName": "eu-west-1", "RegionOptStatus": "ENABLED"}, {"RegionName": "af-south-1"}]
    refused = error("AccessDeniedException", "no", 403)
    aws.on("DescribeRegions", ec2_error("UnauthorizedOperation", "no"))
    aws.on("ListRegions", lambda call: ok(Regions=rows) if call.access_key == signed_by else refused)
    found = await discovered(accounts=(MEMBER,), role_name="r", regions=("enabled",))
    assert found.outcomes == []
    assert [str(target) for target in found.targets] == [f"{MEMBER}/af-south-1", f"{MEMBER}/eu-west-1"]
    (answered,) = [call for call in aws.of("ListRegions") if call.access_key == signed_by]
    assert answered.members.get("AccountId") == (MEMBER if signed_by == "AKIAHUB" else None)


async def test_inactive_accounts_are_left_out_counted_and_named(aws):
    rows = [account(f"{number:012}", State="SUSPENDED") for number in range(500, 512)]
    aws.on("ListAccounts", ok(Accounts=[account(HUB), account(MEMBER, State="PENDING_CLOSURE"), *rows]))
    found = await discovered(accounts=("organization",), role_name="r")
    assert [str(target) for target in found.targets] == [f"{HUB}/eu-west-1"]
    (note,) = found.notes
    assert note.startswith("13 accounts are not active in the organization and not scanned: 222222222222 (PENDING_CLOS")
    assert note.endswith("000000000506 (SUSPENDED) and 5 more")


@pytest.mark.parametrize("states", [("ACTIVE", "SUSPENDED"), ("SUSPENDED", "ACTIVE")])
async def test_an_account_that_is_listed_in_two_states_is_scanned_if_one_is_active(aws, states):
    pages = [ok(Accounts=[account(HUB), account(MEMBER, State=states[0])], NextToken="a")]
    aws.on("ListAccounts", *pages, ok(Accounts=[account(MEMBER, State=states[1])]))
    found = await discovered(accounts=("organization",), role_name="r")
    assert [str(target) for target in found.targets] == [f"{HUB}/eu-west-1", f"{MEMBER}/eu-west-1"]
    assert found.notes == []


@pytest.mark.parametrize("accounts", [[], [{"Id": MEMBER, "State": "SUSPENDED"}]])
async def test_an_organization_without_any_active_account_is_no_answer(aws, accounts):
    aws.on("ListAccounts", ok(Accounts=accounts))
    with pytest.raises(Unavailable, match="no active account"):
        await discovered(accounts=("organization",), role_name="r")


async def test_empty_pages_that_never_end_are_given_up(aws):
    numbers = iter(range(10_000))
    aws.on("ListAccounts", lambda _: ok(Accounts=[], NextToken=f"t{next(numbers)}"))
    with pytest.raises(Unavailable, match="100 empty pages in a row"):
        await discovered(accounts=("organization",), role_name="r")


async def test_many_accounts_are_asked_side_by_side_and_none_is_lost(aws):
    ids = tuple(f"{number:012}" for number in range(100, 160))
    aws.on("DescribeRegions", regions("eu-west-1"))
    with anyio.fail_after(300):
        found = await targets_of(accounts=ids, role_name="r", regions=("enabled",))
    assert found == [f"{account_id}/eu-west-1" for account_id in ids]


@pytest.mark.parametrize("accounts", [("organization",), (MEMBER,)])
async def test_other_accounts_without_a_role_are_a_matter_of_configuration(aws, accounts):
    aws.on("ListAccounts", ok(Accounts=[account(HUB), account(MEMBER)]))
    with pytest.raises(ConfigError, match="--role-name"):
        await discovered(accounts=accounts)


async def test_the_own_account_needs_no_role_however_it_is_named(aws):
    aws.on("ListAccounts", ok(Accounts=[account(HUB)]))
    assert await targets_of(accounts=(HUB,)) == [f"{HUB}/eu-west-1"]
    assert await targets_of(accounts=("organization",), role_name="r") == [f"{HUB}/eu-west-1"]
    assert aws.of("AssumeRole") == []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (error("AccessDeniedException", "You don't have permissions"), "delegated administrator account"),
        (error("AWSOrganizationsNotInUseException", "not a member"), "use --accounts current, or name the account"),
    ],
)
async def test_an_organization_that_cannot_be_listed_is_a_matter_of_configuration(aws, answer, sentence):
    aws.on("ListAccounts", answer)
    with pytest.raises(ConfigError, match=sentence):
        await discovered(accounts=("organization",), role_name="r")


async def test_an_organization_that_fails_half_way_is_not_taken_for_whole(aws):
    aws.on("ListAccounts", ok(Accounts=[account(HUB)], NextToken="a"), error("ServiceException", status=500))
    with pytest.raises(Unavailable, match="organizations:ListAccounts"):
        await discovered(accounts=("organization",), role_name="r")


async def test_a_region_name_with_a_slip_is_told_with_its_neighbour(aws):
    aws.on("DescribeRegions", regions("eu-west-1"))
    with pytest.raises(ConfigError, match=r"There is no Region 'us-esat-1' .*; did you mean .*us-east-1"):
        await discovered(regions=("eu-west-1", "us-esat-1"))


async def test_a_region_newer_than_the_sdk_is_believed_to_ec2(aws):
    aws.on("DescribeRegions", regions("eu-west-1", "eu-moon-7"))
    assert await targets_of(regions=("eu-moon-7",)) == [f"{HUB}/eu-moon-7"]
    assert aws.of("DescribeRegions")[0].members["AllRegions"] == "true"


async def test_a_region_of_another_partition_is_refused(aws):
    aws.on("DescribeRegions", ec2_error("UnauthorizedOperation"))
    with pytest.raises(ConfigError, match="There is no Region 'cn-north-1'"):
        await discovered(regions=("cn-north-1",))


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        ({"exclude_accounts": (HUB,)}, "every one is excluded; shorten scope.exclude_accounts"),
        ({"exclude_regions": ("eu-west-1",)}, "every Region is excluded; shorten scope.exclude_regions"),
    ],
)
async def test_a_scope_that_comes_to_nothing_is_refused(aws, scope, sentence):
    with pytest.raises(ConfigError, match=sentence):
        await discovered(**scope)


def session_without(member):
    """An answer to AssumeRole that lacks a member."""
    return lambda call: Answer(re.sub(f"<{member}>.*</{member}>".encode(), b"", role_session(call).body))


def session_with_a_line_end(call):
    return Answer(role_session(call).body.replace(b"<SessionToken>", b"<SessionToken>\n"))


@pytest.mark.parametrize(
    ("operation", "torn"),
    [
        ("ListAccounts", Answer(b"{}")),
        ("ListAccounts", Answer(b"")),
        ("ListAccounts", ok(Accounts=[{"Name": "without an id"}])),
        ("DescribeRegions", Answer(b"<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>")),
        ("DescribeRegions", Answer(b"")),
        ("DescribeRegions", Answer(b"<DescribeRegionsResponse></DescribeRegionsResponse>")),
        ("ListAccounts", ok(Accounts=[account("12")])),
        ("ListAccounts", ok(Accounts=[account("../evil")])),
        ("DescribeRegions", regions("evil.example/x?")),
        ("DescribeRegions", regions("eu-west-1", " ")),
        ("AssumeRole", Answer(b"")),
        ("AssumeRole", session_without("Expiration")),
        ("AssumeRole", session_without("SessionToken")),
        ("AssumeRole", session_without("AccessKeyId")),
        ("AssumeRole", session_with_a_line_end),
        ("GetCallerIdentity", Answer(b"")),
        ("GetCallerIdentity", identity("")),
        ("GetCallerIdentity", identity("../evil")),
        ("GetCallerIdentity", Answer(identity().body.replace(b"arn:aws:", b"nonsense"))),
    ],
)
async def test_a_torn_answer_is_not_taken_for_an_empty_one(aws, operation, torn):
    whole = {
        "ListAccounts": ok(Accounts=[account(MEMBER)]),
        "DescribeRegions": regions("eu-west-1"),
        "AssumeRole": role_session,
        "GetCallerIdentity": identity(),
    }
    for name, answer in whole.items():
        aws.on(name, *([torn, answer] if name == operation else [answer]))
    found = await targets_of(accounts=("organization",), regions=("enabled",), role_name="r")
    assert found == [f"{MEMBER}/eu-west-1"]
    assert len(aws.of(operation)) == 2
