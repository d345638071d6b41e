"""EC2, Inventory, compliance, associations, baselines, settings, tags and units, as unmodified SDK clients see them."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from msgspec import structs

from scanner.simulator.generate.build import AS_OF_S, make_world
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.generate.nodes import make_node
from scanner.simulator.server.server import serve
from scanner.simulator.world.machines import ApprovalRule, Baseline, InstanceState
from scanner.simulator.world.organization import Region, Trait, World
from tests.simulator.clients import client, refused

REGION = "eu-west-1"


def world(traits=(), *, hybrid=0, departed=0, managed=12, machines=(), **account):
    """One account with one Region; each of `traits` falls on a node of its own."""
    rng = Random(7)
    nodes = [
        make_node(
            rng,
            ("amazon-linux-2023", "ubuntu-22.04", "windows-2022")[n % 3],
            number=n,
            rows=30,
            hybrid=n < hybrid,
            traits=frozenset({traits[n - hybrid]} if 0 <= n - hybrid < len(traits) else ()),
        )
        for n in range(managed)
    ]
    made = make_world(accounts=1, regions=1, nodes=0)
    (found,) = made.accounts.values()
    gone = tuple(make_node(rng, "amazon-linux-2023", number=900 + n, rows=0) for n in range(departed))
    region = Region(REGION, tuple(nodes), machines=tuple(machines), departed=gone, default_host_management=True)
    return structs.replace(
        made, accounts={found.account_id: structs.replace(found, regions={REGION: region}, **account)}
    )


def nodes_of(made: World):
    (account,) = made.accounts.values()
    return account.regions[REGION].nodes


async def pages_of(made_client, operation, **request):
    return [page async for page in made_client.get_paginator(operation).paginate(**request)]


async def instances(simulator, **request):
    async with client(simulator, "ec2") as ec2:
        pages = await pages_of(ec2, "describe_instances", **request)
    return [instance for page in pages for group in page["Reservations"] for instance in group["Instances"]]


async def test_every_ec2_node_is_an_instance_and_hybrid_nodes_are_none():
    made = world(hybrid=3)
    async with serve(made) as simulator:
        found = await instances(simulator, MaxResults=5)
    assert [row["InstanceId"] for row in found] == [n.instance_id for n in nodes_of(made) if not n.is_hybrid]
    assert {row["State"]["Name"] for row in found} == {"running"}


async def test_a_stopped_node_is_an_instance_that_ssm_does_not_list_and_whose_patches_are_still_there():
    made = world([Trait.STOPPED])
    stopped = nodes_of(made)[0].instance_id
    async with serve(made) as simulator, client(simulator, "ssm") as ssm:
        (found,) = [row for row in await instances(simulator) if row["InstanceId"] == stopped]
        listed = [
            row
            for page in await pages_of(ssm, "describe_instance_information")
            for row in page["InstanceInformationList"]
        ]
        states = (await ssm.describe_instance_patch_states(InstanceIds=[stopped]))["InstancePatchStates"]
        patches = (await ssm.describe_instance_patches(InstanceId=stopped, MaxResults=50))["Patches"]
    assert found["State"] == {"Code": 80, "Name": "stopped"}
    assert stopped not in {row["InstanceId"] for row in listed}
    assert len(listed) == 11
    assert len(states) == 1
    assert patches


async def test_instances_of_a_service_are_hidden_until_they_are_asked_for():
    rng = Random(1)
    machines = [
        make_machine(rng, AS_OF_S, name="a", operator="eks.amazonaws.com", is_hidden=True),
        make_machine(rng, AS_OF_S, name="b", state=InstanceState.PENDING, age_s=60),
    ]
    async with serve(world(managed=0, machines=machines)) as simulator:
        (shown,) = await instances(simulator)
        async with client(simulator, "ec2") as ec2:
            ec2.meta.events.register(
                "before-call.ec2.DescribeInstances",
                lambda params, **_: params["body"].update({"IncludeManagedResources": "true"}),
            )
            answer = await ec2.describe_instances()
    assert shown["State"]["Name"] == "pending"
    assert "IamInstanceProfile" not in shown
    assert [group["Instances"][0]["InstanceId"] for group in answer["Reservations"]] == [
        machine.instance_id for machine in machines
    ]


async def test_ids_cannot_be_combined_with_a_page_size():
    made = world()
    async with serve(made) as simulator, client(simulator, "ec2") as ec2:
        code, _, _ = await refused(ec2.describe_instances(InstanceIds=[nodes_of(made)[0].instance_id], MaxResults=5))
    assert code == "InvalidParameterCombination"


async def test_instances_are_found_by_tag_and_state():
    async with serve(world([Trait.STOPPED])) as simulator:
        chosen = [{"Name": "instance-state-name", "Values": ["stopped"]}, {"Name": "tag-key", "Values": ["Name"]}]
        assert len(await instances(simulator, Filters=chosen)) == 1
        async with client(simulator, "ec2") as ec2:
            tags = (await ec2.describe_tags())["Tags"]
            code, _, _ = await refused(ec2.describe_instances(Filters=[{"Name": "colour", "Values": ["red"]}]))
    assert {"Name", "Environment"} <= {tag["Key"] for tag in tags}
    assert code == "InvalidParameterValue"


async def test_inventory_knows_stopped_and_terminated_nodes():
    made = world([Trait.STOPPED, Trait.CONNECTION_LOST], departed=2)
    async with serve(made) as simulator, client(simulator, "ssm") as ssm:
        pages = await pages_of(ssm, "get_inventory")
        entities = [entity for page in pages for entity in page["Entities"]]
        alive = [{"Key": "AWS:InstanceInformation.InstanceStatus", "Values": ["Terminated"], "Type": "NotEqual"}]
        (page,) = await pages_of(ssm, "get_inventory", Filters=alive, PaginationConfig={"PageSize": 50})
    contents = [entity["Data"]["AWS:InstanceInformation"]["Content"][0] for entity in entities]
    assert [row["InstanceStatus"] for row in contents][:2] == ["Stopped", "ConnectionLost"]
    assert [set(row) for row in contents[-2:]] == [{"InstanceId", "InstanceStatus"}] * 2
    assert len(page["Entities"]) == len(entities) - 2


async def test_inventory_gives_patch_summaries_with_every_value_as_text():
    made = world([Trait.STOPPED, Trait.NEVER_SCANNED])
    async with serve(made) as simulator, client(simulator, "ssm") as ssm:
        answer = await ssm.get_inventory(ResultAttributes=[{"TypeName": "AWS:PatchSummary"}], MaxResults=50)
        (state,) = (await ssm.describe_instance_patch_states(InstanceIds=[nodes_of(made)[0].instance_id]))[
            "InstancePatchStates"
        ]
        code, _, _ = await refused(ssm.get_inventory(ResultAttributes=[{"TypeName": "AWS:Application"}]))
    (summary,) = answer["Entities"][0]["Data"]["AWS:PatchSummary"]["Content"]
    assert summary["InstalledCount"] == str(state["InstalledCount"])
    assert summary["BaselineId"] == state["BaselineId"]
    assert answer["Entities"][1]["Data"] == {}
    assert code == "InvalidResultAttributeException"


async def test_a_node_scanned_by_association_has_counts_and_no_list():
    made = world([Trait.ASSOCIATION_SCANNED])
    node = nodes_of(made)[0].instance_id
    only = [{"Key": "ComplianceType", "Values": ["Association"], "Type": "EQUAL"}]
    async with serve(made) as simulator, client(simulator, "ssm") as ssm:
        items = (await ssm.list_compliance_items(ResourceIds=[node], Filters=only, MaxResults=50))["ComplianceItems"]
        name = [{"key": "Name", "value": "AWS-RunPatchBaselineAssociation"}]
        associations = (await ssm.list_associations(AssociationFilterList=name))["Associations"]
        code, _, _ = await refused(ssm.list_compliance_items(ResourceIds=["i-0123456789abcdef0"]))
    (item,) = [item for item in items if item["Details"]["DocumentName"] == "AWS-RunPatchBaselineAssociation"]
    assert msgspec.json.decode(item["Details"]["DetailedText"])["MissingCount"].isdigit()
    assert len(associations) == 1
    assert code == "InvalidResourceId"


async def test_summaries_count_what_is_not_compliant_node_by_node():
    async with serve(world()) as simulator, client(simulator, "ssm") as ssm:
        only = [{"Key": "ComplianceType", "Values": ["Patch"], "Type": "EQUAL"}]
        pages = await pages_of(ssm, "list_resource_compliance_summaries", Filters=only)
        rows = {
            row["ResourceId"]: row["NonCompliantSummary"]["NonCompliantCount"]
            for page in pages
            for row in page["ResourceComplianceSummaryItems"]
        }
        truth = simulator.truth()
    lacking = {"MISSING", "FAILED", "INSTALLED_PENDING_REBOOT", "INSTALLED_REJECTED"}
    assert rows == {key[2]: sum(row.state in lacking for row in truth.patches_of(*key)) for key in truth.nodes}


async def test_baselines_of_aws_are_known_by_their_arn_alone():
    own = Baseline("pb-0123456789abcdef0", "ours", "AMAZON_LINUX_2023", (ApprovalRule(approve_after_days=3),))
    made = world(baselines=(own,))
    async with serve(made) as simulator, client(simulator, "ssm") as ssm:
        pages = await pages_of(ssm, "describe_patch_baselines")
        ids = [row["BaselineId"] for page in pages for row in page["BaselineIdentities"]]
        states = (await ssm.describe_instance_patch_states(InstanceIds=[n.instance_id for n in nodes_of(made)]))[
            "InstancePatchStates"
        ]
        ours = await ssm.get_patch_baseline(BaselineId=own.baseline_id)
        arn = next(baseline_id for baseline_id in ids if baseline_id.startswith("arn:"))
        theirs = await ssm.get_patch_baseline(BaselineId=arn)
        code, _, _ = await refused(ssm.get_patch_baseline(BaselineId=arn.rpartition("/")[2]))
    assert {row["BaselineId"] for row in states} <= {baseline_id.rpartition("/")[2] for baseline_id in ids}
    assert own.baseline_id in {row["BaselineId"] for row in states}
    assert ours["ApprovalRules"]["PatchRules"][0]["ApproveAfterDays"] == 3
    assert theirs["Name"].startswith("AWS-")
    assert code == "DoesNotExistException"


async def test_default_host_management_is_a_service_setting():
    name = "/ssm/managed-instance/default-ec2-instance-management-role"
    async with serve(world()) as simulator, client(simulator, "ssm") as ssm:
        setting = (await ssm.get_service_setting(SettingId=name))["ServiceSetting"]
        code, _, _ = await refused(ssm.get_service_setting(SettingId="/ssm/other"))
    assert setting["Status"] == "Customized"
    assert code == "ServiceSettingNotFound"


async def test_tags_of_hybrid_nodes_come_from_the_tagging_api():
    made = world(hybrid=5)
    async with serve(made) as simulator, client(simulator, "resourcegroupstaggingapi") as tagging:
        pages = await pages_of(
            tagging, "get_resources", ResourceTypeFilters=["ssm:managed-instance"], ResourcesPerPage=2
        )
        rows = [row for page in pages for row in page["ResourceTagMappingList"]]
    assert [row["ResourceARN"].rpartition("/")[2] for row in rows] == [
        node.instance_id for node in nodes_of(made) if node.is_hybrid
    ]


@pytest.mark.parametrize(
    ("action", "service", "call"),
    [
        ("ec2:DescribeInstances", "ec2", "describe_instances"),
        ("ssm:GetInventory", "ssm", "get_inventory"),
        ("ssm:DescribePatchBaselines", "ssm", "describe_patch_baselines"),
        ("ssm:ListAssociations", "ssm", "list_associations"),
        ("tag:GetResources", "resourcegroupstaggingapi", "get_resources"),
    ],
)
async def test_what_an_account_denies_is_refused_by_name(action, service, call):
    async with serve(world(denied_actions=frozenset({action}))) as simulator, client(simulator, service) as made:
        code, message, _ = await refused(getattr(made, call)())
    assert code in ("AccessDeniedException", "UnauthorizedOperation")
    assert f"not authorized to perform: {action} on" in message


async def test_an_operation_nobody_knows_is_refused_as_aws_does():
    async with serve(world()) as simulator, client(simulator, "ssm") as ssm, client(simulator, "ec2") as ec2:
        assert (await refused(ssm.describe_activations()))[0] == "UnknownOperationException"
        assert (await refused(ec2.describe_images()))[0] == "InvalidAction"


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("iam", "list_roles", "InvalidAction"),
        ("autoscaling", "describe_auto_scaling_groups", "InvalidAction"),
        ("logs", "describe_log_groups", "UnknownOperationException"),
    ],
)
async def test_a_service_that_is_not_simulated_refuses_in_a_form_that_its_clients_read(service, call, code):
    async with serve(world()) as simulator, client(simulator, service) as made:
        assert (await refused(getattr(made, call)()))[0] == code


async def test_units_and_the_path_of_an_account_agree():
    made = world(ou_ids=("ou-a1b2-0000aaaa", "ou-a1b2-0000bbbb"))
    named = structs.replace(made, ou_names={"ou-a1b2-0000aaaa": "prod"})
    async with serve(named) as simulator, client(simulator, "organizations") as organizations:
        (root,) = (await organizations.list_roots())["Roots"]
        (top,) = (await organizations.list_organizational_units_for_parent(ParentId=root["Id"]))["OrganizationalUnits"]
        (leaf,) = (await organizations.list_organizational_units_for_parent(ParentId=top["Id"]))["OrganizationalUnits"]
        (account,) = (await organizations.list_accounts_for_parent(ParentId=leaf["Id"]))["Accounts"]
        (parent,) = (await organizations.list_parents(ChildId=account["Id"]))["Parents"]
    assert (top["Name"], leaf["Id"]) == ("prod", "ou-a1b2-0000bbbb")
    assert parent["Id"] == leaf["Id"]
