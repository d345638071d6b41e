"""What EC2, Inventory, associations, baselines and tags answer, held against the simulator and recorded forms."""

from __future__ import annotations

import time
from random import Random
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.aws.machines.associations import DOCUMENT, association_scan, has_patch_association
from scanner.aws.machines.baselines import baseline, identities
from scanner.aws.machines.host_management import is_host_management_on
from scanner.aws.machines.instances import decode_instances
from scanner.aws.machines.inventory import inventory_nodes
from scanner.aws.machines.tags import hybrid_tags
from scanner.aws.transport.decoding import Undecodable
from scanner.core.errors import Transient
from scanner.core.instances import Instance
from scanner.simulator.api.ec2_instances import describe_instances
from scanner.simulator.api.services import OPERATIONS
from scanner.simulator.generate.build import AS_OF_S
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.running.buckets import Limits
from scanner.simulator.running.simulation import Call, Simulation
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.machines import ApprovalRule, Baseline
from scanner.simulator.world.organization import Trait
from tests.simulator.api.test_machines import REGION, nodes_of, world


class Asker:
    """Asks the simulator's handlers, without a wire between."""

    def __init__(self, made, faults=None):
        self.simulation = Simulation(made, faults or Faults(), Limits(), time.time)
        self.asked = []

    def call(self, service, name, body):
        (keys,) = self.simulation.sessions.users.values()
        return Call(service, name, REGION, keys, body)

    async def __call__(self, operation, payload, decode):
        self.asked.append(operation.name)
        service = {"tag": "tagging"}.get(operation.service, operation.service)
        handler = OPERATIONS[service, operation.name]
        reply = handler(self.simulation, self.call(service, operation.name, msgspec.json.encode(payload)))
        return decode(reply.body)


class QueryAsker(Asker):
    """Asks EC2 in its own protocol, in which page sizes and tokens are members of a form."""

    async def __call__(self, operation, payload, decode):
        if operation.service != "ec2":
            return await super().__call__(operation, payload, decode)
        self.asked.append(operation.name)
        assert self.asked.count(operation.name) < 10, "the listing does not end"
        form = urlencode({"Action": operation.name, "IncludeManagedResources": "true", **payload}).encode()
        return decode(describe_instances(self.simulation, self.call("ec2", operation.name, form)).body)


def listed(made, form=b"Action=DescribeInstances&IncludeManagedResources=true"):
    asker = Asker(made)
    return decode_instances(describe_instances(asker.simulation, asker.call("ec2", "DescribeInstances", form)).body)


def test_instances_come_with_their_state_tags_and_who_manages_them():
    rng = Random(3)
    machines = [
        make_machine(rng, AS_OF_S, name="a<b>&", operator="eks.amazonaws.com", is_hidden=True),
        make_machine(rng, AS_OF_S, name="", age_s=90, has_instance_profile=True, tags=(("Team", "\u202ex"),)),
    ]
    page = listed(world([Trait.STOPPED], machines=machines))
    *managed, operated, fresh = page.items
    assert [instance.state for instance in managed] == ["stopped"] + ["running"] * 11
    assert (operated.operator, operated.has_instance_profile) == ("eks.amazonaws.com", False)
    assert ("Name", "a<b>&") in operated.tags
    assert (fresh.launch_time, fresh.has_instance_profile) == ((AS_OF_S - 90) * 1000, True)
    assert ("Team", "\u202ex") in fresh.tags
    assert page.next_token is None


def test_pages_of_instances_go_on_where_they_stood():
    made = world()
    first = listed(made, b"Action=DescribeInstances&MaxResults=5")
    assert len(first.items) == 5
    assert first.next_token


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>busy</body></html>",
        b"<DescribeInstancesResponse><reservationSet>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>',
        b"\xff\xfe",
    ],
)
def test_what_is_no_answer_of_ec2_is_torn(body):
    with pytest.raises(Transient, match=r"torn|document type"):
        decode_instances(body)


@given(st.data())
def test_a_cut_or_spoiled_answer_is_right_or_torn_and_never_anything_else(data):
    asker = Asker(world(managed=3))
    body = describe_instances(asker.simulation, asker.call("ec2", "DescribeInstances", b"Action=X")).body
    at = data.draw(st.integers(0, len(body) - 1))
    spoiled = body[:at] + data.draw(st.binary(max_size=3)) + body[at + 1 :]
    try:
        page = decode_instances(spoiled)
    except Transient:
        return
    assert all(isinstance(instance, Instance) for instance in page.items)


def test_an_instance_without_an_id_costs_itself_alone():
    body = (
        b"<DescribeInstancesResponse><reservationSet><item><instancesSet><item><imageId>ami-1</imageId></item>"
        b"<item><instanceId>i-1</instanceId></item></instancesSet></item><item/></reservationSet>"
        b"</DescribeInstancesResponse>"
    )
    assert decode_instances(body).items == [Instance("i-1")]


async def test_inventory_gives_stopped_nodes_with_their_facts_and_no_terminated_ones():
    made = world([Trait.STOPPED, Trait.CONNECTION_LOST], departed=3, hybrid=1)
    pages = [page async for page in inventory_nodes(Asker(made), "here")]
    nodes = {node.instance_id: node for page in pages for node in page}
    assert list(nodes) == [node.instance_id for node in nodes_of(made)]
    stopped = nodes[nodes_of(made)[1].instance_id]
    assert stopped.status == "Stopped"
    assert stopped.facts.computer_name == nodes_of(made)[1].computer_name
    assert stopped.captured_at == AS_OF_S * 1000


async def test_an_inventory_node_without_data_has_its_id_and_nothing_else():
    async def ask(operation, payload, decode):
        return decode(b'{"Entities":[{"Id":"i-1","Data":{}},{"Id":"i-2"},{"Data":{}}]}')

    (page,) = [page async for page in inventory_nodes(ask, "here")]
    assert [(node.instance_id, node.status, node.facts.computer_name) for node in page] == [
        ("i-1", None, None),
        ("i-2", None, None),
    ]


async def test_an_association_scan_has_counts_and_the_end_time_of_its_operation():
    made = world([Trait.ASSOCIATION_SCANNED])
    asker = Asker(made)
    assert await has_patch_association(asker, "here")
    scan = await association_scan(asker, nodes_of(made)[0].instance_id)
    assert scan.state.missing_count is not None
    assert scan.state.operation_end_time is not None
    assert scan.state.baseline_id.startswith("pb-")
    assert await association_scan(asker, nodes_of(made)[1].instance_id) is None


async def test_a_target_without_the_association_costs_one_call():
    asker = Asker(world())
    assert not await has_patch_association(asker, "here")
    assert asker.asked == ["ListAssociations"]


async def test_the_execution_time_of_an_association_is_never_the_time_of_a_scan():
    async def ask(operation, payload, decode):
        item = {
            "ComplianceType": "Association",
            "Status": "NON_COMPLIANT",
            "ExecutionSummary": {"ExecutionTime": 1590698771.0},
            "Details": {"DocumentName": DOCUMENT, "PatchBaselineId": "pb-0c10e65780EXAMPLE", "DocumentVersion": "1"},
        }
        return decode(msgspec.json.encode({"ComplianceItems": [item]}))

    scan = await association_scan(ask, "i-1")
    assert scan.compliance == "NON_COMPLIANT"
    assert scan.state.operation_end_time is None
    assert scan.state.missing_count is None


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"MissingCount": "x"}', '{"MissingCount": -1}'])
async def test_a_detail_that_cannot_be_read_leaves_the_counts_unknown(text):
    async def ask(operation, payload, decode):
        details = {"DocumentName": DOCUMENT, "DetailedText": text}
        return decode(msgspec.json.encode({"ComplianceItems": [{"Details": details}]}))

    assert (await association_scan(ask, "i-1")).state.missing_count is None


async def test_baselines_are_found_by_the_short_id_that_patch_states_name():
    rule = ApprovalRule(("Security",), ("Critical",), approve_after_days=3)
    own = Baseline("pb-0123456789abcdef0", "ours", "AMAZON_LINUX_2023", (rule,), rejected_patches=("KB1",))
    made = world(baselines=(own,))
    asker = Asker(made)
    known = await identities(asker, "here")
    assert known["pb-0123456789abcdef0"] == ("pb-0123456789abcdef0", True)
    for full_id, is_default in known.values():
        found = await baseline(asker, full_id, is_default=is_default)
        assert known[found.baseline_id][0] == full_id
    ours = await baseline(asker, own.baseline_id, is_default=True)
    assert (ours.owner, ours.rejected_patches) == ("Self", ("KB1",))
    (rule,) = ours.rules
    assert (rule.severities, rule.approve_after_days) == (("Critical",), 3)


@pytest.mark.parametrize(
    ("key", "values", "narrowed_by"),
    [
        ("PRODUCT", ["*"], ()),
        ("PRODUCT", ["AmazonLinux2023"], ("PRODUCT",)),
        ("PRODUCT_FAMILY", ["Windows"], ("PRODUCT_FAMILY",)),
        ("PATCH_SET", ["APPLICATION"], ("PATCH_SET",)),
        ("SECTION", ["main"], ("SECTION",)),
        ("CLASSIFICATION", ["Security"], ()),
        ("MSRC_SEVERITY", ["Critical"], ()),
        ("PRIORITY", ["Required"], ()),
    ],
)
async def test_a_rule_names_the_filters_that_keep_it_from_holding_for_every_patch(key, values, narrowed_by):
    group = {"PatchFilters": [{"Key": key, "Values": values}]}
    answer = {"BaselineId": "pb-1", "ApprovalRules": {"PatchRules": [{"PatchFilterGroup": group}]}}

    async def answering(operation, payload, decode):
        return decode(msgspec.json.encode(answer))

    (rule,) = (await baseline(answering, "pb-1", is_default=None)).rules
    assert rule.narrowed_by == narrowed_by


@pytest.mark.parametrize(
    ("key", "values", "narrowed_by"), [("PRODUCT", ["*"], ()), ("SEVERITY", ["Critical"], ("SEVERITY",))]
)
async def test_the_filters_of_a_whole_baseline_are_read(key, values, narrowed_by):
    answer = {"BaselineId": "pb-1", "GlobalFilters": {"PatchFilters": [{"Key": key, "Values": values}]}}

    async def answering(operation, payload, decode):
        return decode(msgspec.json.encode(answer))

    assert (await baseline(answering, "pb-1", is_default=None)).narrowed_by == narrowed_by


async def test_host_management_and_hybrid_tags_are_read():
    made = world(hybrid=3)
    assert await is_host_management_on(Asker(made))
    tags = await hybrid_tags(Asker(made), "here")
    assert tags == {node.instance_id: node.tags for node in nodes_of(made) if node.is_hybrid}


async def test_listings_that_break_are_read_to_their_end():
    made = world(hybrid=12, managed=30)
    broken = Faults(empty_page=0.5, varying_page_sizes=True)
    assert len(await hybrid_tags(Asker(made, broken), "here")) == 12
    pages = [page async for page in inventory_nodes(Asker(made, broken), "here")]
    assert sum(map(len, pages)) == 30


async def _of_inventory(ask):
    return [page async for page in inventory_nodes(ask, "the target")]


@pytest.mark.parametrize("body", [b'{"Entities":[', b'{"Tags":"\xff', b"[" * 100_000, b"<html>", b""])
@pytest.mark.parametrize(
    "source",
    [
        _of_inventory,
        is_host_management_on,
        lambda ask: hybrid_tags(ask, "the target"),
        lambda ask: identities(ask, "the target"),
        lambda ask: baseline(ask, "pb-0123456789abcdef0", is_default=None),
        lambda ask: has_patch_association(ask, "the target"),
        lambda ask: association_scan(ask, "i-0123456789abcdef0"),
    ],
    ids=["inventory", "host management", "tags", "baselines", "a baseline", "associations", "compliance"],
)
async def test_a_torn_answer_of_any_source_is_refused_as_one(source, body):
    async def torn(operation, payload, decode_body):
        return decode_body(body)

    with pytest.raises(Undecodable):
        await source(torn)


def answering(answer):
    async def ask(operation, payload, decode):
        return decode(msgspec.json.encode(answer))

    return ask


async def test_details_of_any_type_cost_themselves_alone():
    good = {"Details": {"DocumentName": DOCUMENT, "PatchBaselineId": "pb-1"}, "Status": "COMPLIANT"}
    odd = [{"Details": None}, {"Details": {"DocumentName": 7}}, {"Details": {"DocumentName": DOCUMENT, "Size": [1]}}]

    found = await association_scan(answering({"ComplianceItems": [*odd, good]}), "i-1")

    assert (found.compliance, found.state.baseline_id) == ("COMPLIANT", "pb-1")


_NULLS = {"Content": [{"InstanceStatus": "Stopped", "ComputerName": None, "IpAddress": ""}], "CaptureTime": None}
_WHOLE = {
    "Content": [{"InstanceStatus": "Active", "PlatformName": "é\U0001f600", "ResourceType": "ManagedInstance"}],
    "CaptureTime": "2026-11-25T08:00:00Z",
}


@pytest.mark.parametrize("item", [_WHOLE, _NULLS, {"Content": []}, {"Content": None}, {}, None])
async def test_an_inventory_node_is_the_same_beside_an_odd_one(item):
    entity = {"Id": "i-1", "Data": {"AWS:InstanceInformation": item, "AWS:Application": {"Content": "later"}}}
    alone, beside = [
        [page async for page in inventory_nodes(answering({"Entities": entities}), "the target")]
        for entities in ([entity], [entity, 7])
    ]
    assert [node.instance_id for node in alone[0]] == ["i-1"]
    assert alone == beside


async def test_of_an_inventory_only_the_wanted_nodes_are_made():
    entities = [{"Id": f"i-{each}", "Data": {"AWS:InstanceInformation": _NULLS}} for each in range(4)]
    wanted = {"i-1": "Stopped", "i-3": "Stopped"}
    listing = inventory_nodes(
        answering({"Entities": entities}), "the target", is_wanted=lambda key, status: wanted.get(key) == status
    )
    assert [node.instance_id async for page in listing for node in page] == ["i-1", "i-3"]


async def test_an_odd_member_of_an_inventory_node_costs_itself_alone():
    content = {"InstanceStatus": "Stopped", "ComputerName": "db", "AgentVersion": 3, "Extra": {"a": 1}}
    entities = [
        {"Id": "i-1", "Data": None},
        {"Id": "i-2", "Data": {"AWS:InstanceInformation": {"Content": [content]}}},
    ]

    (page,) = [page async for page in inventory_nodes(answering({"Entities": entities}), "the target")]

    assert [(node.instance_id, node.status) for node in page] == [("i-1", None), ("i-2", "Stopped")]
    assert (page[1].facts.computer_name, page[1].facts.agent_version) == ("db", None)
