"""No status says more than AWS said: refusals over the wire, and what AWS is asked before one of them decides."""

from __future__ import annotations

import anyio
import pytest
from msgspec import structs

from scanner.aws.open import open_aws
from scanner.core.errors import CredentialsError, Denied, Disabled, InvalidNode, NodeGone, Unavailable
from scanner.core.model import Target
from scanner.core.settings import NodeSettings, ScopeSettings, Settings
from tests.aws.fake_ssm import HUB, MEMBER, QUICK, ec2_error, error, identity, ok, regions, xml_error

pytestmark = pytest.mark.slow

AT_HUB = Target(HUB, "eu-west-1")
AT_MEMBER = Target(MEMBER, "us-east-2")
SETTINGS = Settings(limits=QUICK, scope=ScopeSettings(role_name="reader"))


async def patches_of(settings=SETTINGS):
    async with open_aws(settings) as aws, aws.fleet.open(AT_HUB) as reader:
        return await reader.patch_page("i-1", None)


LISTED = ok(InstanceInformationList=[{"InstanceId": "i-1", "PingStatus": "ConnectionLost"}])
NOT_LISTED = ok(InstanceInformationList=[])
STATE = ok(InstancePatchStates=[{"InstanceId": "i-1"}])
NO_STATE = ok(InstancePatchStates=[])


@pytest.mark.parametrize("state", [STATE, NO_STATE], ids=["with a patch state", "without one"])
@pytest.mark.parametrize(
    "listing",
    [(NOT_LISTED,), (error("InvalidInstanceId"),), (ok(InstanceInformationList=[], NextToken="a"), NOT_LISTED)],
    ids=["an empty listing", "an id not known", "an empty page and an empty last one"],
)
@pytest.mark.parametrize("transport", ["direct", "sdk"])
async def test_a_node_is_gone_only_if_aws_does_not_list_it_any_more(aws, transport, listing, state):
    aws.on("DescribeInstancePatches", error("InvalidInstanceId"))
    aws.on("DescribeInstancePatchStates", state)
    aws.on("DescribeInstanceInformation", *listing)
    with pytest.raises(
        NodeGone, match=r"failed: InvalidInstanceId; AWS does not list the node any more and has"
    ) as seen:
        await patches_of(settings=structs.replace(SETTINGS, transport=transport))
    assert seen.value.code == "InvalidInstanceId"
    assert aws.of("DescribeInstanceInformation")[0].members["Filters"] == [{"Key": "InstanceIds", "Values": ["i-1"]}]


@pytest.mark.parametrize("state", [STATE, NO_STATE], ids=["with a patch state", "without one"])
@pytest.mark.parametrize(
    "listing",
    [(LISTED,), (ok(InstanceInformationList=[], NextToken="a"), LISTED)],
    ids=["at once", "after an empty page"],
)
async def test_a_node_that_is_still_listed_is_not_gone_and_both_answers_are_its_reason(aws, listing, state):
    aws.on("DescribeInstancePatches", error("InvalidInstanceId", "not in a valid state"))
    aws.on("DescribeInstancePatchStates", state)
    aws.on("DescribeInstanceInformation", *listing)
    with pytest.raises(InvalidNode, match=r"not in a valid state.*still lists the node .ping status ConnectionLost."):
        await patches_of()


async def test_a_node_of_which_nothing_more_can_be_learnt_is_not_gone(aws):
    aws.on("DescribeInstancePatches", error("InvalidInstanceId"))
    aws.on("DescribeInstancePatchStates", STATE)
    aws.on("DescribeInstanceInformation", error("AccessDeniedException", "no"))
    with pytest.raises(InvalidNode, match="whether the node left could not be asked"):
        await patches_of()


SCP = "with an explicit deny in a service control policy"


async def nodes_of(aws_, target=AT_HUB):
    async with aws_.fleet.open(target) as reader:
        return [node.instance_id async for page in reader.nodes() for node in page]


async def test_a_service_control_policy_on_the_first_page_of_nodes_disables_the_target(aws):
    aws.on("DescribeInstanceInformation", error("AccessDeniedException", SCP))
    async with open_aws(SETTINGS) as aws_:
        with pytest.raises(Disabled, match="the organization forbids it"):
            await nodes_of(aws_)


async def test_a_listing_that_is_shut_after_its_first_page_is_denied_whatever_shut_it(aws):
    first = ok(InstanceInformationList=[{"InstanceId": "i-1"}], NextToken="a")
    aws.on("DescribeInstanceInformation", first, error("AccessDeniedException", SCP))
    async with open_aws(SETTINGS) as aws_:
        with pytest.raises(Denied, match="service control policy"):
            await nodes_of(aws_)


TOKEN = error("UnrecognizedClientException", "The security token included in the request is invalid.")


@pytest.mark.parametrize(
    ("listed", "kind", "words"),
    [
        (regions("eu-west-1", "us-east-1"), Denied, "list of Regions calls this one enabled"),
        (regions("us-east-1", eu_west_1="opted-in"), Denied, "calls this one opted-in"),
        (regions("us-east-1", eu_west_1="brand-new-word"), Denied, "calls this one brand-new-word"),
        (regions("us-east-1"), Disabled, "does not name this one"),
        (regions("us-east-1", eu_west_1="not-opted-in"), Disabled, "calls this one not-opted-in; enable the Region"),
        (ec2_error("UnauthorizedOperation", "no"), Denied, "whether the Region is enabled is unknown"),
    ],
)
async def test_a_region_that_the_accounts_list_calls_enabled_is_never_disabled(aws, listed, kind, words):
    aws.on("DescribeInstanceInformation", TOKEN)
    aws.on("DescribeRegions", listed)
    async with open_aws(SETTINGS) as aws_:
        with pytest.raises(kind, match=r"UnrecognizedClientException .*; STS accepts the same keys") as caught:
            await nodes_of(aws_)
    assert type(caught.value) is kind
    assert words in str(caught.value)


async def test_account_management_is_asked_where_ec2_does_not_list_the_regions(aws):
    rows = [{"RegionName": "eu-west-1", "RegionOptStatus": "DISABLED"}]
    more = [{"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}]
    aws.on("DescribeInstanceInformation", TOKEN)
    aws.on("DescribeRegions", ec2_error("AuthFailure", "AWS was not able to validate", 401))
    aws.on("ListRegions", ok(Regions=rows, NextToken="a"), ok(Regions=more))
    async with open_aws(SETTINGS) as aws_:
        with pytest.raises(Disabled, match="calls this one DISABLED"):
            await nodes_of(aws_)
    assert sorted(call.region for call in aws.of("DescribeRegions")) == ["eu-west-1", "us-east-1", "us-west-2"]


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken"])
@pytest.mark.parametrize(
    "refusal",
    [TOKEN, error("ExpiredTokenException", "is expired"), error("InvalidSignatureException", "does not match")],
    ids=["the token", "its age", "the signature"],
)
@pytest.mark.parametrize("transport", ["direct", "sdk"])
async def test_keys_that_sts_refuses_too_stop_the_run(aws, transport, refusal, code):
    async with open_aws(structs.replace(SETTINGS, transport=transport)) as aws_:
        aws.on("DescribeInstanceInformation", refusal)
        aws.on("GetCallerIdentity", xml_error(code, "is what STS says"))
        with pytest.raises(CredentialsError, match=f"not accept the credentials of this run any more.*{code} .is what"):
            await nodes_of(aws_)


async def test_a_role_that_cannot_be_assumed_since_the_runs_own_keys_are_dead_stops_the_run(aws):
    async with open_aws(SETTINGS) as aws_:
        aws.on("AssumeRole", xml_error("InvalidClientTokenId", "The security token included is invalid"))
        aws.on("GetCallerIdentity", xml_error("InvalidClientTokenId", "The security token included is invalid"))
        with pytest.raises(CredentialsError, match="credentials of this run any more"):
            await nodes_of(aws_, AT_MEMBER)


async def test_a_session_of_a_role_that_sts_refuses_denies_its_target_alone(aws):
    def own_keys_only(call):
        return identity() if call.access_key == "AKIAHUB" else xml_error("InvalidClientTokenId", "no")

    aws.on("GetCallerIdentity", own_keys_only)
    aws.on("DescribeInstanceInformation", TOKEN)
    async with open_aws(SETTINGS) as aws_:
        with pytest.raises(Denied, match="STS does not accept the session of the role either"):
            await nodes_of(aws_, AT_MEMBER)


async def test_keys_whose_signature_one_service_alone_refuses_fail_that_target(aws):
    aws.on("DescribeInstanceInformation", error("InvalidSignatureException", "does not match"))
    async with open_aws(SETTINGS) as aws_:
        with pytest.raises(Unavailable, match="STS accepts the same keys, so check whether a proxy"):
            await nodes_of(aws_)


async def test_keys_about_which_sts_cannot_be_asked_fail_the_target_and_not_the_run(aws):
    async with open_aws(SETTINGS) as aws_:
        aws.on("DescribeInstanceInformation", TOKEN)
        aws.on("GetCallerIdentity", xml_error("InternalFailure", status=500))
        with pytest.raises(Unavailable, match="STS could not be asked about the keys"):
            await nodes_of(aws_)


async def test_many_refusals_at_once_ask_sts_one_question(aws):
    aws.on("DescribeInstancePatches", TOKEN)
    aws.on("DescribeRegions", regions("eu-west-1"))
    refused = []

    async def ask(reader):
        try:
            await reader.patch_page("i-1", None)
        except Denied as error:
            refused.append(error)

    async with open_aws(SETTINGS) as aws_, aws_.fleet.open(AT_HUB) as reader, anyio.create_task_group() as many:
        for _ in range(20):
            many.start_soon(ask, reader)
    assert len(refused) == 20
    assert len(aws.of("GetCallerIdentity")) == 2
    assert len(aws.of("DescribeRegions")) == 1


async def test_patch_states_of_other_nodes_than_those_asked_for_are_no_answer(aws):
    other = ok(InstancePatchStates=[{"InstanceId": "i-2"}])
    aws.on("DescribeInstancePatchStates", other, STATE)
    async with open_aws(SETTINGS) as aws_, aws_.fleet.open(AT_HUB) as reader:
        assert set(await reader.patch_states(["i-1"])) == {"i-1"}
    aws.on("DescribeInstancePatchStates", other)
    async with open_aws(SETTINGS) as aws_, aws_.fleet.open(AT_HUB) as reader:
        with pytest.raises(Unavailable, match="about nodes that were not asked for"):
            await reader.patch_states(["i-1"])


async def test_a_node_without_an_id_makes_a_listing_no_answer(aws):
    aws.on("DescribeInstanceInformation", ok(InstanceInformationList=[{"InstanceId": ""}]))
    async with open_aws(SETTINGS) as aws_:
        with pytest.raises(Unavailable, match="about nodes that were not asked for"):
            await nodes_of(aws_)


async def test_a_node_that_is_listed_twice_is_read_if_either_entry_is_wanted(aws):
    rows = [{"InstanceId": "i-1", "PingStatus": "ConnectionLost"}, {"InstanceId": "i-2", "PingStatus": "Online"}]
    again = [{"InstanceId": "i-1", "PingStatus": "Online"}, {"InstanceId": "i-2", "PingStatus": "Online"}]
    aws.on(
        "DescribeInstanceInformation",
        ok(InstanceInformationList=rows, NextToken="a"),
        ok(InstanceInformationList=again),
    )
    settings = structs.replace(SETTINGS, nodes=NodeSettings(ping_statuses=("Online",)))
    async with open_aws(settings) as aws_:
        assert await nodes_of(aws_) == ["i-2", "i-1"]


async def test_a_token_of_blanks_is_followed_and_not_taken_for_the_end(aws):
    aws.on("DescribeInstanceInformation", ok(InstanceInformationList=[{"InstanceId": "i-1"}], NextToken="  "), LISTED)
    async with open_aws(SETTINGS) as aws_:
        await nodes_of(aws_)
    assert [call.members.get("NextToken") for call in aws.of("DescribeInstanceInformation")] == [None, "  "]
