"""One odd member of an answer of EC2, tags, Inventory, compliance or baselines costs itself alone, and is named."""

from __future__ import annotations

import json

import msgspec
import pytest

from scanner.aws.machine_sources import TargetSources
from scanner.aws.machines.associations import DOCUMENT, association_scan, has_patch_association
from scanner.aws.machines.baselines import baseline, identities
from scanner.aws.machines.instances import decode_instances
from scanner.aws.machines.inventory import inventory_nodes
from scanner.aws.machines.tags import hybrid_tags
from scanner.core.errors import Denied, Transient, Unavailable
from scanner.core.instances import Instance
from scanner.core.machines import NotAsked
from scanner.core.model import Target
from scanner.core.settings import CoverageSettings
from tests.aws.machines.test_decoders import answering

ARN = "arn:aws:ssm:eu-west-1:111111111111:managed-instance/"


class Odd(list):
    def __call__(self, operation, name):
        self.append((operation.name, name))


def page_of(*instances):
    items = "".join(f"<item>{instance}</item>" for instance in instances)
    return (
        f"<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item>"
        "</reservationSet></DescribeInstancesResponse>"
    ).encode()


def test_an_instance_without_an_id_costs_itself_alone_and_is_named():
    odd = Odd()
    page = decode_instances(page_of("<imageId>ami-1</imageId>", "<instanceId>i-1</instanceId>"), odd)
    assert page.items == [Instance("i-1")]
    assert odd == [("DescribeInstances", "an instance without an id")]


@pytest.mark.parametrize("odd_reservation", ["<item/>", "<item><reservationId>r-1</reservationId></item>"])
def test_a_reservation_without_a_list_of_instances_costs_itself_alone_and_is_named(odd_reservation):
    odd = Odd()
    body = page_of("<instanceId>i-1</instanceId>").replace(
        b"<reservationSet>", f"<reservationSet>{odd_reservation}".encode()
    )
    assert decode_instances(body, odd).items == [Instance("i-1")]
    assert odd == [("DescribeInstances", "a reservation without instances")]


@pytest.mark.parametrize("odd_text", ["&#1;", "&#x0;", "&#xD800;", "&#xFFFF;", "&#99999999;", "\x01", "\x1b", "\x00"])
def test_characters_that_xml_forbids_cost_themselves_alone(odd_text):
    tags = f"<tagSet><item><key>Team</key><value>a{odd_text}b</value></item></tagSet>"
    body = page_of(f"<instanceId>i-1</instanceId>{tags}", "<instanceId>i-2</instanceId>")
    assert decode_instances(body, Odd()).items == [Instance("i-1", tags=(("Team", "a\ufffdb"),)), Instance("i-2")]


def test_bytes_that_are_no_utf_8_cost_themselves_alone():
    body = page_of("<instanceId>i-1</instanceId><imageId>a?b</imageId>").replace(b"?", b"\xff")
    assert decode_instances(body, Odd()).items == [Instance("i-1", image_id="a\ufffdb")]


def test_odd_facts_of_an_instance_cost_themselves_alone():
    odd = Odd()
    facts = (
        "<launchTime>soon</launchTime><operator><managed>maybe</managed></operator><instanceState>9</instanceState>"
        "<tagSet><item><value>x</value></item><item><key>Team</key></item></tagSet>"
    )
    (found,) = decode_instances(page_of(f"<instanceId>i-1</instanceId>{facts}"), odd).items
    assert found == Instance("i-1", tags=(("Team", ""),))
    assert odd == [("DescribeInstances", "a tag of i-1")]


@pytest.mark.parametrize("tag", [7, None, {"Value": "x"}, {"Key": 7, "Value": "x"}, {"Key": "k", "Value": {"a": 1}}])
async def test_an_odd_tag_costs_itself_alone_and_is_named(tag):
    odd = Odd()
    rows = [
        {"ResourceARN": f"{ARN}mi-1", "Tags": [tag, {"Key": "Team", "Value": "x"}]},
        {"ResourceARN": f"{ARN}mi-2", "Tags": [{"Key": "Team", "Value": "y"}]},
    ]
    tags = await hybrid_tags(answering({"ResourceTagMappingList": rows}), "the target", odd)
    assert tags == {"mi-1": (("Team", "x"),), "mi-2": (("Team", "y"),)}
    assert odd == [("GetResources", "a tag of mi-1")]


@pytest.mark.parametrize(
    "row", [7, None, {}, {"ResourceARN": None}, {"ResourceARN": 7}, {"ResourceARN": ARN, "Tags": 1}]
)
async def test_an_odd_resource_costs_itself_alone_and_is_named(row):
    odd = Odd()
    rows = [row, {"ResourceARN": f"{ARN}mi-2", "Tags": [{"Key": "Team", "Value": "y"}]}]
    tags = await hybrid_tags(answering({"ResourceTagMappingList": rows}), "the target", odd)
    assert tags == {"mi-2": (("Team", "y"),)}
    assert [name for name, _ in odd] == ["GetResources"]


async def test_a_resource_whose_tags_are_null_has_none():
    rows = [{"ResourceARN": f"{ARN}mi-1", "Tags": None}]
    assert await hybrid_tags(answering({"ResourceTagMappingList": rows}), "the target", Odd()) == {"mi-1": ()}


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (7, "a baseline without an id"),
        ({"BaselineId": None}, "a baseline without an id"),
        ({}, "a baseline without an id"),
        ({"BaselineId": "pb-2", "DefaultBaseline": "perhaps"}, "the baseline pb-2"),
    ],
)
async def test_an_odd_row_of_the_baselines_costs_itself_alone_and_is_named(row, name):
    odd = Odd()
    rows = [row, {"BaselineId": "pb-1", "DefaultBaseline": True}]
    known = await identities(answering({"BaselineIdentities": rows}), "the target", odd)
    assert known == {"pb-1": ("pb-1", True)}
    assert odd == [("DescribePatchBaselines", name)]


@pytest.mark.parametrize(
    ("entity", "name"),
    [
        (7, "a node without an id"),
        ({"Id": None}, "a node without an id"),
        ({"Id": "mi-9", "Data": [1]}, "the node mi-9"),
    ],
)
async def test_an_odd_node_of_inventory_costs_itself_alone_and_is_named(entity, name):
    odd = Odd()
    (page,) = [page async for page in inventory_nodes(answering({"Entities": [entity, {"Id": "mi-1"}]}), "t", odd)]
    assert [node.instance_id for node in page] == ["mi-1"]
    assert odd == [("GetInventory", name)]


@pytest.mark.parametrize("item", [7, {"Content": 7}, {"Content": ["x"]}, {"CaptureTime": 7}, {"CaptureTime": {"a": 1}}])
async def test_odd_facts_of_an_inventory_node_cost_themselves_alone(item):
    entities = [{"Id": "mi-1", "Data": {"AWS:InstanceInformation": item}}, {"Id": "mi-2"}]
    (page,) = [page async for page in inventory_nodes(answering({"Entities": entities}), "the target", Odd())]
    assert [(node.instance_id, node.status, node.captured_at) for node in page] == [
        ("mi-1", None, None),
        ("mi-2", None, None),
    ]


@pytest.mark.parametrize("item", [7, None, {"Status": 7}, {"Details": [1]}])
async def test_an_odd_compliance_item_costs_itself_alone_and_is_named(item):
    odd = Odd()
    good = {"Details": {"DocumentName": DOCUMENT, "PatchBaselineId": "pb-1"}, "Status": "COMPLIANT"}
    found = await association_scan(answering({"ComplianceItems": [item, good]}), "i-1", odd)
    assert (found.compliance, found.state.baseline_id) == ("COMPLIANT", "pb-1")
    assert odd == [("ListComplianceItems", "a compliance item of i-1")]


@pytest.mark.parametrize("row", [7, None, {}, {"Name": 7}])
async def test_an_odd_association_counts_as_one(row):
    assert await has_patch_association(answering({"Associations": [row]}), "the target")


class Requests:
    """The requests of a target: each operation is answered by a function of its payload."""

    target = Target("111111111111", "eu-west-1")

    def __init__(self, **answers):
        self.answers = answers

    async def ask(self, operation, payload, decode):
        return decode(msgspec.json.encode(self.answers[operation.name](payload)))


def sources_of(requests, **coverage):
    async def itself():
        return requests

    return TargetSources(requests, itself, itself, CoverageSettings(**coverage), max_restarts=1)


def baselines_with(refusal):
    def one(payload):
        if payload["BaselineId"] == "pb-2":
            raise refusal
        return {"BaselineId": payload["BaselineId"], "Name": "ours"}

    listed = [{"BaselineId": f"pb-{number}"} for number in (1, 2, 3)]
    return Requests(DescribePatchBaselines=lambda _: {"BaselineIdentities": listed}, GetPatchBaseline=one)


FAILED = "ssm:GetPatchBaseline in account 111111111111, Region eu-west-1, failed: "
DELETED = Unavailable(f"{FAILED}DoesNotExistException (no pb-2)", code="DoesNotExistException")


@pytest.mark.parametrize("refusal", [DELETED, Unavailable(f"{FAILED}torn"), Denied(f"{FAILED}AccessDenied")])
async def test_a_baseline_that_was_deleted_or_cannot_be_read_costs_itself_alone_and_is_named(refusal):
    sources = sources_of(baselines_with(refusal))
    assert [each.baseline_id for each in await sources.baselines({"pb-1", "pb-2", "pb-3"})] == ["pb-1", "pb-3"]
    assert sources.unread() == [NotAsked(str(refusal))]


@pytest.mark.parametrize(("refusal", "is_gap"), [(DELETED, False), (Transient(f"{FAILED}torn"), True)])
async def test_of_required_baselines_one_that_was_deleted_is_no_gap_and_one_that_cannot_be_read_is(refusal, is_gap):
    sources = sources_of(baselines_with(refusal), baselines="required")
    await sources.baselines({"pb-1", "pb-2"})
    (unread,) = sources.unread()
    assert (unread.gap is refusal) is is_gap


RULE = {"PatchFilterGroup": {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["Security"]}]}}


@pytest.mark.parametrize(
    ("members", "rules"),
    [
        ({"ApprovalRules": {"PatchRules": None}}, ()),
        ({"ApprovalRules": None, "ApprovedPatches": None, "GlobalFilters": {"PatchFilters": None}}, ()),
        ({"ApprovalRules": {"PatchRules": [{**RULE, "ApproveAfterDays": "7"}]}}, ((("Security",), 7, None),)),
        ({"ApprovalRules": {"PatchRules": [{**RULE, "ApproveAfterDays": 7.0}]}}, ((("Security",), 7, None),)),
        ({"ApprovalRules": {"PatchRules": [{**RULE, "EnableNonSecurity": "true"}]}}, ((("Security",), None, True),)),
        ({"ApprovalRules": {"PatchRules": [{**RULE, "EnableNonSecurity": "False"}]}}, ((("Security",), None, False),)),
        ({"ApprovalRules": {"PatchRules": [{"PatchFilterGroup": None}]}}, (((), None, None),)),
        (
            {"ApprovalRules": {"PatchRules": [{"PatchFilterGroup": {"PatchFilters": [{"Key": "X", "Values": None}]}}]}},
            (((), None, None),),
        ),
    ],
)
async def test_a_baseline_with_nulls_for_lists_and_numbers_as_text_is_read(members, rules):
    answer = answering({"BaselineId": "pb-1", "Name": "ours", "OperatingSystem": "UBUNTU", **members})
    known = await baseline(answer, "pb-1", is_default=True)
    assert (
        tuple((each.classifications, each.approve_after_days, each.enable_non_security) for each in known.rules)
        == rules
    )
    assert known.approved_patches == ()


async def test_a_baseline_that_calls_itself_the_default_in_text_is_known():
    rows = [{"BaselineId": "pb-1", "DefaultBaseline": "true"}, {"BaselineId": "pb-2", "DefaultBaseline": None}]
    known = await identities(answering({"BaselineIdentities": rows}), "the target", Odd())
    assert known == {"pb-1": ("pb-1", True), "pb-2": ("pb-2", None)}


@pytest.mark.parametrize("as_text", [True, False])
async def test_a_null_in_the_details_of_an_association_is_unknown_and_no_text(as_text):
    detail = {"PatchGroup": None, "SnapshotId": None, "MissingCount": 3, "FailedCount": None, "OperationEndTime": None}
    item = {
        "Status": "NON_COMPLIANT",
        "Details": {
            "DocumentName": "AWS-RunPatchBaselineAssociation",
            "DetailedText": json.dumps(detail) if as_text else detail,
        },
    }
    scan = await association_scan(answering({"ComplianceItems": [item]}), "i-1")
    assert (scan.state.patch_group, scan.state.snapshot_id, scan.state.operation_end_time) == (None, None, None)
    assert (scan.state.missing_count, scan.state.failed_count) == (3, None)


async def test_a_tag_of_a_hybrid_node_without_a_key_costs_itself_alone():
    odd = Odd()
    row = {
        "ResourceARN": "arn:x:managed-instance/mi-1",
        "Tags": [{"Key": "", "Value": "x"}, {"Key": "A", "Value": "b"}],
    }
    tags = await hybrid_tags(answering({"ResourceTagMappingList": [row]}), "the target", odd)
    assert dict(tags) == {"mi-1": (("A", "b"),)}
    assert odd == [("GetResources", "a tag of mi-1")]


async def test_odd_members_are_named_in_one_sentence_for_each_source():
    odd = [7, *({"Id": f"mi-{number}", "Data": 1} for number in (9, 9, 8, 7, 6, 5))]
    sources = sources_of(Requests(GetInventory=lambda _: {"Entities": [*odd, {"Id": "mi-1"}]}))
    assert [node.instance_id for node in await sources.stopped_nodes({"mi-1"})] == ["mi-1"]
    assert sources.unread() == [
        NotAsked(
            "ssm:GetInventory in account 111111111111, Region eu-west-1, answered what cannot be read: a node without "
            "an id, the node mi-9, the node mi-8 and 3 more"
        )
    ]
