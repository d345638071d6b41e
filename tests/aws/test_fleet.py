"""The fleet over the wire: listings to their end, pages of patches, filters, roles, and what each failure comes to."""

from __future__ import annotations

import anyio
import pytest
from msgspec import structs

from scanner.aws.credentials.current_role import signed_as
from scanner.aws.open import open_aws
from scanner.aws.transport.interface import MAX_ANSWER_BYTES
from scanner.core.errors import (
    ConfigError,
    Denied,
    PaginationBroken,
    RequestRejected,
    Unavailable,
)
from scanner.core.model import Target
from scanner.core.patch_rows import Patch, patch_page
from scanner.core.settings import NodeSettings, PatchSettings, ScopeSettings, Settings
from tests.aws.fake_ssm import HUB, MEMBER, QUICK, Answer, error, ok, role_session, xml_error
from tests.worded import rows_of_page

pytestmark = pytest.mark.slow

AT_HUB = Target(HUB, "eu-west-1")
AT_MEMBER = Target(MEMBER, "us-east-2")
SETTINGS = Settings(limits=QUICK, scope=ScopeSettings(role_name="ops/PatchReader", external_id="ticket-7"))
YEAR_ONE_S = -62_135_596_800.0
ROW = {"KBId": "KB1", "Title": "", "State": "InstalledOther", "InstalledTime": YEAR_ONE_S}
PAGE = ok(Patches=[ROW], NextToken="more")


async def nodes_of(settings=SETTINGS, target=AT_HUB):
    async with open_aws(settings) as aws, aws.fleet.open(target) as reader:
        return [node.instance_id async for page in reader.nodes() for node in page]


async def states_of(*instance_ids):
    async with open_aws(SETTINGS) as aws, aws.fleet.open(AT_HUB) as reader:
        return await reader.patch_states(instance_ids)


async def patches_of(token=None, settings=SETTINGS, target=AT_HUB, states=()):
    async with open_aws(settings) as aws, aws.fleet.open(target) as reader:
        return await reader.patch_page("i-1", token, states)


def listed(*names, token=None, **fields):
    rows = [{"InstanceId": name, **fields} for name in names]
    return ok(InstanceInformationList=rows) if token is None else ok(InstanceInformationList=rows, NextToken=token)


async def test_nodes_are_listed_past_an_empty_page(aws):
    aws.on("DescribeInstanceInformation", listed("i-1", token="a"), listed(token="b"), listed("mi-2", token=""))
    assert await nodes_of() == ["i-1", "mi-2"]
    assert [call.members for call in aws.of("DescribeInstanceInformation")] == [
        {"MaxResults": 50},
        {"MaxResults": 50, "NextToken": "a"},
        {"MaxResults": 50, "NextToken": "b"},
    ]


async def test_a_listing_that_starts_anew_yields_no_node_twice(aws):
    aws.on(
        "DescribeInstanceInformation",
        listed("i-1", "i-2", "i-1", token="a"),
        error("InvalidNextToken"),
        listed("i-1", "i-2", token="b"),
        listed("i-2", "i-3"),
    )
    assert await nodes_of() == ["i-1", "i-2", "i-3"]


async def test_a_listing_that_never_ends_is_given_up_and_not_taken_for_whole(aws):
    aws.on("DescribeInstanceInformation", listed("i-1", token="same"))
    with pytest.raises(Unavailable, match=f"The managed nodes of {HUB}/eu-west-1 cannot be listed to the end"):
        await nodes_of()


async def test_nodes_that_lost_their_connection_are_nodes(aws):
    aws.on("DescribeInstanceInformation", listed("i-1", PingStatus="ConnectionLost"))
    assert await nodes_of() == ["i-1"]


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        (NodeSettings(platform_types=("Linux",)), [{"Key": "PlatformType", "Values": ["Linux"]}]),
        (NodeSettings(ping_statuses=("Online",)), [{"Key": "PingStatus", "Values": ["Online"]}]),
        (NodeSettings(platform_types=("Linux", "MacOS")), None),
        (
            NodeSettings(tags={"env": ("prod", "test"), "team": ("a",)}, platform_types=("Linux",)),
            [{"Key": "tag:env", "Values": ["prod", "test"]}, {"Key": "tag:team", "Values": ["a"]}],
        ),
    ],
)
async def test_the_api_filters_what_it_can_and_the_rest_is_done_here(aws, settings, sent):
    rows = [
        {"InstanceId": "i-1", "PlatformType": "Linux", "PingStatus": "Online"},
        {"InstanceId": "i-2", "PlatformType": "Windows", "PingStatus": "Online"},
        {"InstanceId": "i-3", "PlatformType": "Linux", "PingStatus": "ConnectionLost"},
    ]
    aws.on("DescribeInstanceInformation", ok(InstanceInformationList=rows))
    found = await nodes_of(Settings(limits=QUICK, nodes=settings))
    assert found == (["i-1", "i-2"] if settings.ping_statuses else ["i-1", "i-3"])
    assert aws.of("DescribeInstanceInformation")[0].members.get("Filters") == sent


async def test_patch_states_come_by_node_and_absent_ones_are_absent(aws):
    aws.on(
        "DescribeInstancePatchStates",
        ok(InstancePatchStates=[{"InstanceId": "i-1", "MissingCount": 2}], NextToken="a"),
        ok(InstancePatchStates=[], NextToken="b"),
        ok(InstancePatchStates=[{"InstanceId": "i-3"}]),
    )
    states = await states_of("i-1", "i-2", "i-3")
    assert {name: state.missing_count for name, state in states.items()} == {"i-1": 2, "i-3": None}
    first = aws.of("DescribeInstancePatchStates")[0].members
    assert first == {"InstanceIds": ["i-1", "i-2", "i-3"], "MaxResults": 50}


@pytest.mark.parametrize("order", [(100.0, 200.0), (200.0, 100.0), (None, 200.0), (200.0, None)])
async def test_of_two_states_of_one_node_the_newer_counts(aws, order):
    rows = [{"InstanceId": "i-1", "OperationEndTime": end} for end in order]
    aws.on("DescribeInstancePatchStates", ok(InstancePatchStates=rows))
    assert (await states_of("i-1"))["i-1"].operation_end_time == 200_000


async def test_a_broken_listing_of_states_starts_anew(aws):
    page = ok(InstancePatchStates=[{"InstanceId": "i-1"}], NextToken="a")
    aws.on("DescribeInstancePatchStates", page, error("InvalidNextToken"), page, ok(InstancePatchStates=[]))
    assert list(await states_of("i-1")) == ["i-1"]


async def test_a_page_of_patches(aws):
    aws.on("DescribeInstancePatches", PAGE)
    page = await patches_of("here")
    row = Patch("KB1", "", state="InstalledOther", installed_time=YEAR_ONE_S)
    assert ([structs.asdict(patch) for patch in rows_of_page(page)], page.next_token) == ([structs.asdict(row)], "more")
    assert aws.of("DescribeInstancePatches")[0].members == {"InstanceId": "i-1", "MaxResults": 50, "NextToken": "here"}


@pytest.mark.parametrize("end", [{}, {"NextToken": None}, {"NextToken": ""}])
async def test_an_absent_null_or_empty_token_is_the_end_of_the_patches(aws, end):
    aws.on("DescribeInstancePatches", ok(Patches=[], **end))
    assert await patches_of() == patch_page([], None)
    assert "NextToken" not in aws.of("DescribeInstancePatches")[0].members


async def test_the_filters_of_the_settings_go_with_every_page(aws):
    aws.on("DescribeInstancePatches", PAGE)
    wanted = PatchSettings(
        states=("MISSING", "INSTALLED_PENDING_REBOOT"),
        severities=("Critical",),
        classifications=("Security",),
        kb_ids=("KB1",),
        page_size=20,
    )
    await patches_of(settings=Settings(limits=QUICK, patches=wanted), states=wanted.states)
    assert aws.of("DescribeInstancePatches")[0].members == {
        "InstanceId": "i-1",
        "MaxResults": 20,
        "Filters": [
            {"Key": "State", "Values": ["Missing", "InstalledPendingReboot"]},
            {"Key": "Severity", "Values": ["Critical"]},
            {"Key": "Classification", "Values": ["Security"]},
            {"Key": "KBId", "Values": ["KB1"]},
        ],
    }


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("InvalidNextToken"), PaginationBroken),
        (error("AccessDeniedException", "User is not authorized"), Denied),
        (error("AccessDeniedException", "with an explicit deny in a service control policy"), Denied),
        (error("UnrecognizedClientException", "The security token is invalid"), Denied),
        (error("ValidationException", "Value '100' at 'maxResults' failed"), RequestRejected),
        (error("com.amazonaws.ssm#InvalidFilter", "no such key"), RequestRejected),
    ],
)
@pytest.mark.parametrize("transport", ["direct", "sdk"])
async def test_an_error_that_cannot_pass_is_told_after_one_request(aws, answer, kind, transport):
    aws.on("DescribeInstancePatches", answer, PAGE)
    with pytest.raises(kind, match=f"ssm:DescribeInstancePatches in account {HUB}, Region eu-west-1, failed: "):
        await patches_of(settings=structs.replace(SETTINGS, transport=transport))
    assert len(aws.of("DescribeInstancePatches")) == 1


@pytest.mark.parametrize(
    "passing",
    [
        error("ThrottlingException", "Rate exceeded"),
        error("com.amazon.coral.availability#ThrottlingException", "Rate exceeded"),
        error("InternalServerError", status=500),
        Answer(b"", 404),
        Answer(b"<html>log in first</html>", 407),
        Answer(b"<html>busy</html>", 503),
        Answer(b"", 503),
        Answer(b'{"Patches":[{"Title":'),
        Answer(b"<html>a proxy</html>"),
        Answer(b"{}"),
        Answer(b"", reset=True),
        Answer(b'{"Patches":[', broken_off=True),
        error("ExpiredTokenException", "The security token included in the request is expired"),
    ],
)
@pytest.mark.parametrize("transport", ["direct", "sdk"])
async def test_a_failure_that_may_pass_is_met_with_another_request(aws, passing, transport):
    aws.on("DescribeInstancePatches", passing, PAGE)
    page = await patches_of(target=AT_MEMBER, settings=structs.replace(SETTINGS, transport=transport))
    assert len(rows_of_page(page)) == 1
    assert len(aws.of("DescribeInstancePatches")) == 2


@pytest.mark.parametrize("transport", ["direct", "sdk"])
async def test_an_answer_beyond_the_bound_is_refused(aws, transport):
    aws.on("DescribeInstancePatches", Answer(b" " * MAX_ANSWER_BYTES + PAGE.body))
    with pytest.raises(Unavailable, match=f"more than {MAX_ANSWER_BYTES} bytes"):
        await patches_of(settings=structs.replace(SETTINGS, transport=transport))


async def test_the_sdk_itself_repeats_nothing(aws):
    aws.on("DescribeInstancePatches", error("InternalServerError", status=500))
    with pytest.raises(Unavailable, match=r"tried 3 times"):
        await patches_of(settings=structs.replace(SETTINGS, transport="sdk"))
    assert [call.sdk_attempt for call in aws.of("DescribeInstancePatches")] == ["attempt=1"] * 3


async def test_requests_throttles_and_retries_are_counted(aws):
    aws.on(
        "DescribeInstancePatches",
        error("ThrottlingException"),
        error("InternalServerError", status=500),
        error("ThrottlingException"),
        PAGE,
    )
    async with open_aws(SETTINGS) as aws_, aws_.fleet.open(AT_HUB) as reader:
        await reader.patch_page("i-1", None)
        assert (reader.counts.requests, reader.counts.throttles, reader.counts.retries) == (4, 2, 1)


async def test_every_request_says_who_asks(aws):
    aws.on("DescribeInstancePatches", PAGE)
    await patches_of()
    assert {call.user_agent.partition("/")[0] for call in aws.calls} == {"patchsweep"}


async def test_the_own_account_is_read_with_the_own_credentials(aws):
    aws.on("DescribeInstancePatches", PAGE)
    await patches_of(target=Target(HUB, "ap-south-1"))
    call = aws.of("DescribeInstancePatches")[0]
    assert (call.access_key, call.region) == ("AKIAHUB", "ap-south-1")
    assert aws.of("AssumeRole") == []


async def test_another_account_is_read_with_a_role_assumed_in_it(aws):
    aws.on("DescribeInstancePatches", PAGE)
    await patches_of(target=AT_MEMBER)
    call = aws.of("DescribeInstancePatches")[0]
    assert (call.access_key, call.region) == (f"ASIA{MEMBER}N1", "us-east-2")
    members = aws.of("AssumeRole")[0].members
    assert {name: members[name] for name in ("RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId")} == {
        "RoleArn": f"arn:aws:iam::{MEMBER}:role/ops/PatchReader",
        "RoleSessionName": "patchsweep",
        "DurationSeconds": "3600",
        "ExternalId": "ticket-7",
    }


async def test_clients_of_two_accounts_do_not_sign_for_each_other(aws):
    aws.on("DescribeInstancePatches", PAGE)
    async with (
        open_aws(SETTINGS) as aws_,
        aws_.fleet.open(AT_MEMBER) as member,
        aws_.fleet.open(AT_HUB) as hub,
        anyio.create_task_group() as readers,
    ):
        for reader in (member, hub, member, hub):
            readers.start_soon(reader.patch_page, "i-1", None)
    keys = sorted(call.access_key for call in aws.of("DescribeInstancePatches"))
    assert keys == ["AKIAHUB", "AKIAHUB", f"ASIA{MEMBER}N1", f"ASIA{MEMBER}N1"]


async def test_the_regions_of_an_account_share_one_session(aws):
    aws.on("DescribeInstancePatches", PAGE)
    async with open_aws(SETTINGS) as aws_:
        for region in ("eu-west-1", "us-east-1", "us-east-2"):
            async with aws_.fleet.open(Target(MEMBER, region)) as reader:
                await reader.patch_page("i-1", None)
    assert len(aws.of("AssumeRole")) == 1


async def test_a_session_that_expires_under_many_requests_is_renewed_once(aws):
    aws.on("AssumeRole", role_session, lambda call: role_session(call, issue=2))
    aws.on(
        "DescribeInstancePatches",
        lambda call: PAGE if call.access_key.endswith("N2") else error("ExpiredTokenException", "is expired"),
    )
    async with open_aws(SETTINGS) as aws_, aws_.fleet.open(AT_MEMBER) as reader, anyio.create_task_group() as many:
        for _ in range(12):
            many.start_soon(reader.patch_page, "i-1", None)
    assert len(aws.of("AssumeRole")) == 2
    assert len(aws.of("DescribeInstancePatches")) == 24


async def test_a_refused_role_denies_every_target_of_the_account_after_one_request(aws):
    refusal = f"User: arn:aws:iam::{HUB}:user/scanner is not authorized to perform: sts:AssumeRole"
    aws.on("AssumeRole", xml_error("AccessDenied", refusal))
    async with open_aws(SETTINGS) as aws_:
        for region in ("eu-west-1", "us-east-1"):
            with pytest.raises(Denied, match=f"Role arn:aws:iam::{MEMBER}:role/ops/PatchReader cannot be assumed"):
                async with aws_.fleet.open(Target(MEMBER, region)):
                    pass
    assert len(aws.of("AssumeRole")) == 1


async def test_a_session_refused_anew_while_reading_denies_the_target(aws):
    aws.on("AssumeRole", role_session, xml_error("AccessDenied", "not any more"))
    aws.on("DescribeInstancePatches", error("ExpiredTokenException", "is expired"))
    with pytest.raises(Denied, match="not any more"):
        await patches_of(target=AT_MEMBER)


async def test_throttled_assume_role_is_asked_again(aws):
    aws.on("AssumeRole", xml_error("Throttling", "Rate exceeded", 400), role_session)
    aws.on("DescribeInstancePatches", PAGE)
    await patches_of(target=AT_MEMBER)
    assert len(aws.of("AssumeRole")) == 2


async def test_another_account_without_a_role_is_a_matter_of_configuration(aws):
    with pytest.raises(ConfigError, match=f"Account {MEMBER} is not the caller's own .* --role-name"):
        await patches_of(settings=Settings(limits=QUICK), target=AT_MEMBER)


async def test_an_external_id_that_sts_rejects_is_quoted(aws):
    aws.on("AssumeRole", xml_error("ValidationError", "1 validation error detected: Value at 'externalId'", 400))
    with pytest.raises(RequestRejected, match="Value at 'externalId'"):
        await patches_of(target=AT_MEMBER)


async def test_a_session_that_runs_out_while_a_request_is_signed_is_renewed_with_the_own_credentials(aws):
    async with open_aws(SETTINGS) as aws_:
        role = aws_.fleet._roles.for_account(MEMBER)
        with signed_as(role):
            await role.ready()
    assert [call.access_key for call in aws.of("AssumeRole")] == ["AKIAHUB"]
