"""A source of machines that AWS does not answer for costs what it alone knows: never a row, and never in silence."""

from __future__ import annotations

import json
from random import Random

import pytest
from msgspec import structs

from scanner.simulator.generate.build import AS_OF_S, make_world
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.generate.nodes import make_node
from scanner.simulator.running.buckets import Rate
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.world.organization import Trait
from tests.end_to_end.commands import ORGANIZATION, terminal_in

#: The action that begins each source, by the setting of the source.
SOURCES = {
    "ec2": "ec2:DescribeInstances",
    "tags": "tag:GetResources",
    "inventory": "ssm:GetInventory",
    "associations": "ssm:ListAssociations",
    "baselines": "ssm:DescribePatchBaselines",
}
#: All that the member role of version 0.1.0 does not allow.
NEWER_ACTIONS = frozenset(
    {*SOURCES.values(), "ssm:GetServiceSetting", "ssm:ListComplianceItems", "ssm:GetPatchBaseline", "ec2:DescribeTags"}
)
OFF = tuple(option for source in SOURCES for option in (f"--coverage-{source}", "off"))
#: What the calls of version 0.1.0 tell of a node and of its patches, whenever they were read.
NODES = """
SELECT account_id, region, instance_id, status, reason, computer_name, platform_name, platform_version, agent_version,
  ping_status, ip_address, patch_group, baseline_id, snapshot_id, operation, operation_end_time, missing_count,
  failed_count, installed_count, patch_rows
FROM nodes ORDER BY ALL
"""
PATCHES = """
SELECT account_id, region, instance_id, kb_id, title, classification, severity, state, installed_time, cve_ids
FROM patches ORDER BY ALL
"""

UNMANAGED = "SELECT count(*) AS machines FROM nodes WHERE status = 'unmanaged'"


def every_source_is_asked(*, denied=frozenset(), accounts_denied=2):
    """Three accounts in two Regions; in each target a hybrid node, and one without patch data, besides others."""
    world, rng = make_world(accounts=3, regions=2, nodes=12, rows=6), Random(3)
    accounts = {}
    for place, (account_id, account) in enumerate(world.accounts.items()):
        regions = {
            name: structs.replace(
                region,
                nodes=(
                    *region.nodes,
                    make_node(rng, "ubuntu-22.04", number=1, rows=6, hybrid=True),
                    make_node(rng, "ubuntu-22.04", number=2, traits=frozenset({Trait.NEVER_SCANNED})),
                ),
            )
            for name, region in account.regions.items()
        }
        is_denied = place >= 3 - accounts_denied
        accounts[account_id] = structs.replace(
            account, regions=regions, denied_actions=denied if is_denied else frozenset()
        )
    return structs.replace(world, accounts=accounts)


def rows_of(user):
    """The nodes and patches of the newest scan."""
    answers = [user.run("query", sql, "--format", "json") for sql in (NODES, PATCHES)]
    assert [answer.code for answer in answers] == [0, 0]
    return [json.loads(answer.stdout)["rows"] for answer in answers]


def refusals(ended):
    return [" ".join(line.split()) for line in ended.stderr.splitlines() if "not asked:" in line]


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """What a scan finds that asks the four calls of version 0.1.0 alone."""
    with serve_in_thread(every_source_is_asked()) as simulator:
        user = terminal_in(tmp_path_factory.mktemp("released")).given(simulator.environment())
        assert user.run("scan", *ORGANIZATION, *OFF).code == 0
    return rows_of(user)


def test_the_member_role_of_the_released_version_gives_its_rows_and_names_what_was_not_asked(terminal, answered):
    with serve_in_thread(every_source_is_asked(denied=NEWER_ACTIONS, accounts_denied=3)) as simulator:
        user = terminal.given(simulator.environment())
        ended = user.run("scan", *ORGANIZATION)
    assert (ended.code, rows_of(user)) == (0, answered)
    assert sorted(refusals(ended)) == sorted(
        f"not asked: {action} is denied in 3 accounts (6 targets)" for action in SOURCES.values()
    )


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_some_accounts_refuse_costs_no_row_and_is_named_with_how_many(terminal, answered, source):
    with serve_in_thread(every_source_is_asked(denied=frozenset({SOURCES[source]}))) as simulator:
        user = terminal.given(simulator.environment())
        others = [option for each in SOURCES if each != source for option in (f"--coverage-{each}", "off")]
        ended = user.run("scan", *ORGANIZATION, *others)
        assert (ended.code, rows_of(user)) == (0, answered)
        assert refusals(ended) == [f"not asked: {SOURCES[source]} is denied in 2 accounts (4 targets)"]

        required = user.run("scan", *ORGANIZATION, *others, f"--coverage-{source}", "required")
    assert required.code == 3
    assert rows_of(user) == answered
    assert "4 of 6 targets" in required.stderr
    assert SOURCES[source] in required.stderr


def test_a_source_that_one_region_only_throttles_costs_no_row_and_is_named(terminal, answered):
    with serve_in_thread(every_source_is_asked()) as simulator:
        account_id = list(simulator.world.accounts)[1]
        simulator.set_rate(account_id, "us-east-1", "DescribeInstances", Rate(rate_per_s=1e-9, burst=0.0))
        user = terminal.given(simulator.environment() | {"PATCHSWEEP_THROTTLE_PATIENCE_S": "1"})
        ended = user.run("scan", *ORGANIZATION)
    assert (ended.code, rows_of(user)) == (0, answered)
    (line,) = refusals(ended)
    assert line.startswith("not asked: ec2:DescribeInstances failed in 1 account, the first: ")


@pytest.mark.parametrize(("use", "code"), [("auto", 0), ("required", 3)])
def test_instances_that_were_read_before_ec2_broke_off_are_accounted_for_and_the_rest_is_named(terminal, use, code):
    rng = Random(5)
    machines = tuple(make_machine(rng, AS_OF_S, name=f"m{number}") for number in range(505))
    world = every_source_is_asked()
    account = next(iter(world.accounts.values()))
    region = structs.replace(account.regions["eu-west-1"], machines=machines)
    changed = structs.replace(account, regions={**account.regions, "eu-west-1": region})
    with serve_in_thread(structs.replace(world, accounts={**world.accounts, account.account_id: changed})) as simulator:
        simulator.set_rate(account.account_id, "eu-west-1", "DescribeInstances", Rate(1e-9, burst=1.0))
        user = terminal.given(simulator.environment() | {"PATCHSWEEP_THROTTLE_PATIENCE_S": "1"})
        ended = user.run("scan", *ORGANIZATION, "--coverage-ec2", use)
    assert ended.code == code
    words = " ".join(ended.stderr.split())
    assert "not read: the rest of ec2:DescribeInstances in 1 account, the first: ec2:" in words
    assert "failed midway: RequestLimitExceeded" in words
    (count,) = json.loads(user.run("query", UNMANAGED, "--format", "json").stdout)["rows"]
    assert 450 <= count["machines"] <= 500
    assert user.run("report", "--output", "report.html").code == 0
    assert "failed midway: RequestLimitExceeded" in (user.folder / "report.html").read_text()
