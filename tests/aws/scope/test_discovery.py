"""From a scope to its targets, over the wire."""

from __future__ import annotations

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
    FakeAws,
    ec2_error,
    error,
    identity,
    ok,
    regions,
    role_session,
    serving,
)
from tests.aws.fake_ssm import xml_error as sts_error

THIRD = "333333333333"


@pytest.fixture
async def aws(monkeypatch):
    fake = FakeAws()
    async with serving(fake) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield fake


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
        ({"State": None, "Status": "PENDING_CLOSURE"}, False),
    ],
)
async def test_only_active_accounts_are_covered(aws, fields, is_covered):
    aws.on("ListAccounts", ok(Accounts=[account(HUB), account(MEMBER, **fields)]))
    found = await targets_of(accounts=("organization",), role_name="r")
    assert (f"{MEMBER}/eu-west-1" in found) is is_covered


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
    assert {call.members["AllRegions"] for call in aws.of("DescribeRegions")} == {"false"}


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


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ec2_error("UnauthorizedOperation", "You are not authorized"), TargetStatus.DENIED),
        (ec2_error("UnauthorizedOperation", "explicit deny in a service control policy"), TargetStatus.DISABLED),
        (ec2_error("AuthFailure", "AWS was not able to validate the credentials", 401), TargetStatus.DISABLED),
        (ec2_error("InternalError", "An internal error", 500), TargetStatus.FAILED),
    ],
)
async def test_an_account_that_does_not_tell_its_regions_says_why(aws, answer, status):
    aws.on("DescribeRegions", answer)
    found = await discovered(regions=("enabled",))
    assert found.targets == []
    assert [(str(outcome.target), outcome.status) for outcome in found.outcomes] == [(f"{HUB}/*", status)]
    assert "ec2:DescribeRegions in account" in found.outcomes[0].reason


async def test_many_accounts_are_asked_side_by_side_and_none_is_lost(aws):
    ids = tuple(f"{number:012}" for number in range(100, 160))
    aws.on("DescribeRegions", regions("eu-west-1"))
    with anyio.fail_after(60):
        found = await targets_of(accounts=ids, role_name="r", regions=("enabled",))
    assert found == [f"{account_id}/eu-west-1" for account_id in ids]


@pytest.mark.parametrize("accounts", [("organization",), (MEMBER,)])
async def test_other_accounts_without_a_role_are_a_matter_of_configuration(aws, accounts):
    aws.on("ListAccounts", ok(Accounts=[account(HUB), account(MEMBER)]))
    with pytest.raises(ConfigError, match=f"Account {MEMBER} is not the caller's own .* --role-name"):
        await discovered(accounts=accounts)


async def test_the_own_account_needs_no_role_however_it_is_named(aws):
    aws.on("ListAccounts", ok(Accounts=[account(HUB)]))
    assert await targets_of(accounts=(HUB,)) == await targets_of(accounts=("organization",)) == [f"{HUB}/eu-west-1"]


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


@pytest.mark.parametrize(
    ("operation", "torn"),
    [
        ("ListAccounts", Answer(b"{}")),
        ("ListAccounts", Answer(b"")),
        ("DescribeRegions", Answer(b"")),
        ("DescribeRegions", Answer(b"<DescribeRegionsResponse></DescribeRegionsResponse>")),
        ("AssumeRole", Answer(b"")),
        ("GetCallerIdentity", Answer(b"")),
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
