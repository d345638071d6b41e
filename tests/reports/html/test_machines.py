"""What a report says of machines that are not covered, and of sources that were not asked."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.instances import Instance
from scanner.core.model import NodeStatus, Target
from scanner.reports.html.findings import SHORT_LIST
from scanner.reports.html.machines import NotAsked, sources_not_asked
from scanner.reports.html.page import page
from tests.reports.html.page_reader import Page
from tests.reports.html.reports import NOTHING, complete
from tests.reports.html.stored import OTHER, found, patched
from tests.store.samples import TARGET, outcome

DENIED = "ssm:GetInventory in account {}, Region {}, failed: AccessDeniedException; allow it to the role"


def machine(number, status, reason, *, name=None, launched=None, target=TARGET, **state):
    made = patched(number, status=status, reason=reason, target=target, **{"missing_count": None, **state})
    instance = Instance(made.node.instance_id, "running", launch_time=launched)
    return structs.replace(made, instance=instance, tags=(("Name", name),) if name else ())


async def test_machines_that_systems_manager_does_not_manage_are_listed_by_reason(tmp_path):
    shown = await found(
        tmp_path,
        [
            machine(1, NodeStatus.UNMANAGED, "rare", name="lonely", launched=1_700_000_000_000),
            machine(2, NodeStatus.UNMANAGED, "common"),
            machine(3, NodeStatus.UNMANAGED, "common", target=OTHER),
            patched(4),
        ],
    )

    machines = shown.machines
    assert [(each.instance_id, each.reason) for each in machines.unmanaged] == [
        ("i-0002", "common"),
        ("i-0003", "common"),
        ("i-0001", "rare"),
    ]
    lonely = machines.unmanaged[2]
    assert (lonely.account_id, lonely.account_name, lonely.region) == ("111111111111", "prod", "eu-west-1")
    assert (lonely.name, lonely.launched_at) == ("lonely", 1_700_000_000_000)
    assert [(each.reason, each.machines, each.accounts) for each in machines.reasons] == [
        ("common", 2, 2),
        ("rare", 1, 1),
    ]


async def test_every_status_without_a_list_of_patches_is_counted_by_reason(tmp_path):
    statuses = (NodeStatus.UNMANAGED, NodeStatus.STOPPED, NodeStatus.SUMMARY_ONLY, NodeStatus.SERVICE_MANAGED)

    shown = await found(tmp_path, [machine(n, status, f"why {status}") for n, status in enumerate(NodeStatus)])

    assert [(each.status, each.reason) for each in shown.machines.reasons] == [
        (each, f"why {each}") for each in statuses
    ]


async def test_machines_that_an_association_scans_come_with_the_counts_of_aws_and_count_as_one_reason(tmp_path):
    scanned = "scanned by AWS-RunPatchBaselineAssociation: NON_COMPLIANT{}; AWS keeps no list of its patches"
    nodes = [
        machine(1, NodeStatus.SUMMARY_ONLY, scanned.format(", 9 missing"), missing_count=9, failed_count=1),
        machine(2, NodeStatus.SUMMARY_ONLY, scanned.format(", 12 missing"), missing_count=12),
        machine(3, NodeStatus.SUMMARY_ONLY, scanned.format("")),
    ]

    machines = (await found(tmp_path, nodes)).machines

    assert [(each.missing, each.failed) for each in machines.summary_only] == [(None, None), (12, None), (9, 1)]
    assert [each.machines for each in machines.reasons] == [3]


@pytest.mark.parametrize(
    "status", [NodeStatus.UNMANAGED, NodeStatus.STOPPED, NodeStatus.SUMMARY_ONLY, NodeStatus.SERVICE_MANAGED]
)
async def test_a_long_list_of_machines_is_cut_and_its_whole_length_is_kept(status, tmp_path):
    nodes = [machine(number, status, f"why {number}") for number in range(SHORT_LIST + 5)]

    machines = (await found(tmp_path, nodes)).machines

    assert len(getattr(machines, status.value)) == SHORT_LIST
    assert getattr(machines, f"{status.value}_total") == SHORT_LIST + 5
    assert (len(machines.reasons), machines.reasons_total) == (SHORT_LIST, SHORT_LIST + 5)
    cut = structs.replace(NOTHING, machines=machines)
    assert f"These are {SHORT_LIST} of {SHORT_LIST + 5} machines; all of them:" in Page(page(complete(cut), "s")).text


async def test_a_scan_without_states_from_ec2_does_not_claim_that_every_machine_is_managed(tmp_path):
    shown = await found(tmp_path, [patched(1)])

    text = Page(page(complete(shown), "s")).text
    assert shown.machines.with_ec2_state == 0
    assert "No machine of this scan has a state from EC2" in text
    assert "Systems Manager manages every instance" not in text
    assert "Systems Manager manages every instance" in Page(page(complete(NOTHING), "s")).text


async def test_the_sources_that_were_not_asked_are_read_from_the_targets(tmp_path):
    outcomes = [
        structs.replace(outcome(target), not_asked=(DENIED.format(target.account_id, target.region), "another reason"))
        for target in (TARGET, OTHER)
    ]

    (source,) = (await found(tmp_path, [], [outcomes[0], outcome(OTHER)])).machines.not_asked
    assert (source.targets, source.accounts) == (1, 1)


def test_one_refusal_in_many_accounts_and_regions_is_one_reason():
    targets = [Target(f"{number:012}", region) for number in range(3) for region in ("eu-west-1", "us-east-1")]
    refused = [(target, DENIED.format(target.account_id, target.region)) for target in targets]

    assert sources_not_asked(refused) == [NotAsked(refused[0][1], targets=6, accounts=3)]


def test_the_sentences_of_a_target_are_separated_though_they_hold_semicolons():
    inventory = DENIED.format("111111111111", "eu-west-1")
    tags = "tag:GetResources in account 111111111111, Region eu-west-1, failed: Throttled; try later"

    reasons = [source.reason for source in sources_not_asked([(TARGET, f"{inventory}; {tags}")])]

    assert reasons == [inventory, tags]
