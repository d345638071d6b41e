"""Unmodified clients of AWS ask the simulator: it speaks AWS's protocol to others than its own scanner."""

from __future__ import annotations

import csv
import json
from random import Random

import pytest
from msgspec import structs

from scanner.core.model import NodeStatus
from scanner.core.state_names import NONCOMPLIANT_STATES
from scanner.simulator.generate.build import make_world
from scanner.simulator.generate.machines import make_machine
from scanner.simulator.running.expected_columns import DOCUMENTED
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.machines import InstanceState
from tests.end_to_end.aws_by_name import at_the_names_of_aws
from tests.end_to_end.client_environments import AWS_CLI, CARTOGRAPHY, CUSTODIAN, PROWLER, installed

# The clients are installed first: seconds with uv, minutes with pip on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="session")
def aws(pytestconfig):
    return installed(pytestconfig.cache.mkdir("aws-cli"), AWS_CLI) / "aws"


@pytest.fixture(scope="session")
def custodian(pytestconfig):
    return installed(pytestconfig.cache.mkdir("custodian"), CUSTODIAN) / "custodian"


@pytest.fixture(scope="session")
def with_cartography(pytestconfig):
    return installed(pytestconfig.cache.mkdir("cartography"), CARTOGRAPHY) / "python"


@pytest.fixture(scope="session")
def prowler(pytestconfig):
    return installed(pytestconfig.cache.mkdir("prowler"), PROWLER) / "prowler"


def ask(terminal, aws, *arguments):
    ended = terminal.ended(terminal.start_any(aws, "ssm", *arguments, "--output", "json"))
    assert (ended.code, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def patch_of(key, row):
    installed_ms = round(row["InstalledTime"] * 1000)  # the CLI shows times as the wire has them
    return (
        *key,
        row["KBId"],
        row["Title"] or None,
        row["Classification"] or None,
        row["Severity"] or None,
        DOCUMENTED[row["State"]],
        installed_ms if installed_ms > 0 else None,
        tuple(sorted({cve.strip() for cve in row["CVEIds"].split(",")})) if "CVEIds" in row else (),
    )


def test_the_aws_cli_pages_through_the_nodes_and_patches_of_the_truth(terminal, aws):
    odd_but_right = Faults(empty_page=0.1, varying_page_sizes=True)
    world = make_world(accounts=1, regions=1, nodes=60, rows=120)
    with serve_in_thread(world, faults=odd_but_right) as simulator:
        user = terminal.given(simulator.environment())
        truth = simulator.truth()
        listed = ask(user, aws, "describe-instance-information", "--page-size", "50")["InstanceInformationList"]
        assert sorted(node["InstanceId"] for node in listed) == sorted(key[2] for key in truth.nodes)
        for key in list(truth.nodes)[:3]:
            rows = ask(user, aws, "describe-instance-patches", "--instance-id", key[2], "--page-size", "50")["Patches"]
            assert len(rows) > 50
            assert [patch_of(key, row) for row in rows] == truth.patches_of(*key)


POLICIES = {
    "policies": [
        {"name": "all", "resource": "ssm-managed-instance"},
        {"name": "silent", "resource": "ssm-managed-instance", "filters": [{"PingStatus": "ConnectionLost"}]},
    ]
}


def test_cloud_custodian_filters_the_managed_nodes_of_the_truth(terminal, custodian):
    world = make_world(accounts=1, regions=1, nodes=60, rows=5)
    with serve_in_thread(world, faults=Faults(connection_lost=0.3)) as simulator:
        user = terminal.given(simulator.environment())
        (user.folder / "policies.json").write_text(json.dumps(POLICIES))

        ended = user.ended(
            user.start_any(custodian, "run", "-s", "out", "-r", "eu-west-1", "--cache-period", "0", "policies.json")
        )

        assert ended.code == 0, ended.stderr
        truth = simulator.truth()
    found = {
        policy["name"]: {
            row["InstanceId"]
            for row in json.loads((user.folder / "out" / policy["name"] / "resources.json").read_text())
        }
        for policy in POLICIES["policies"]
    }
    silent = {key[2] for key, node in truth.nodes.items() if node.columns["ping_status"] == "ConnectionLost"}
    assert found == {"all": {key[2] for key in truth.nodes}, "silent": silent}
    assert 0 < len(silent) < 60


READ_WITH_CARTOGRAPHY = """
import boto3, json, sys
from cartography.intel.aws import ssm
session, ids = boto3.Session(), sys.argv[1:]
nodes = ssm.transform_instance_information(ssm.get_instance_information(session, "eu-west-1", ids))
patches = ssm.transform_instance_patches(ssm.get_instance_patches(session, "eu-west-1", ids))
print(json.dumps([[node["InstanceId"] for node in nodes], [[p["_instance_id"], p["KBId"]] for p in patches]]))
"""


def test_the_ssm_module_of_cartography_reads_the_nodes_and_patches_of_the_truth(terminal, with_cartography):
    world = make_world(accounts=1, regions=1, nodes=12, rows=120)
    with serve_in_thread(world, faults=Faults(empty_page=0.1, varying_page_sizes=True)) as simulator:
        user = terminal.given(simulator.environment())
        truth = simulator.truth()
        ids = [key[2] for key in truth.nodes]

        ended = user.ended(user.start_any(with_cartography, "-W", "ignore", "-c", READ_WITH_CARTOGRAPHY, *ids))

        assert ended.code == 0, ended.stderr
    nodes, patches = json.loads(ended.stdout)
    assert sorted(nodes) == sorted(ids)
    assert sorted(map(tuple, patches)) == sorted(
        (key[2], row.kb_id) for key in truth.nodes for row in truth.patches_of(*key)
    )


def with_unmanaged_instances(world):
    """The world with an instance in each state that Systems Manager does not manage, and a hidden one of a service."""
    rng = Random(12)
    machines = [make_machine(rng, world.as_of_s, name=state.value, state=state) for state in InstanceState]
    machines.append(make_machine(rng, world.as_of_s, name="eks", operator="eks.amazonaws.com", is_hidden=True))
    account = world.accounts[world.hub_account_id]
    region = structs.replace(account.regions[world.home_region], machines=tuple(machines))
    account = structs.replace(account, regions={world.home_region: region})
    return structs.replace(world, accounts={account.account_id: account}), machines


CHECKS = ("ssm_managed_compliant_patching", "ec2_instance_managed_by_ssm")


def test_prowler_passes_the_machines_that_comply_and_are_managed_in_the_truth_and_fails_the_others(terminal, prowler):
    world, machines = with_unmanaged_instances(make_world(accounts=1, regions=1, nodes=60, rows=5))
    faults = Faults(empty_page=0.1, varying_page_sizes=True, stopped=0.1, never_scanned=0.2)
    with serve_in_thread(world, faults=faults) as simulator:
        port = int(simulator.url.rpartition(":")[2])
        with at_the_names_of_aws(port, terminal.folder) as variables:
            user = terminal.given({**simulator.environment(), **variables}).without("AWS_ENDPOINT_URL")
            wanted = ("--checks", *CHECKS, "--region", "eu-west-1", "-M", "csv", "-o", "out")
            ended = user.ended(user.start_any(prowler, "aws", *wanted))
        truth = simulator.truth()

    assert ended.code == 3, ended.stderr  # as prowler ends where a check failed
    unmanaged = {machine.instance_id for machine in machines}
    managed = [key for key in truth.nodes if key[2] not in unmanaged]
    complies = {key[2]: not any(row.state in NONCOMPLIANT_STATES for row in truth.patches_of(*key)) for key in managed}
    # Prowler takes these states for fine, and does not ask for what EC2 hides.
    is_fine = {each.instance_id: each.state in ("pending", "stopped", "terminated") for each in machines[:-1]}
    assert findings(terminal.folder / "out") == {
        CHECKS[0]: statuses(complies),
        CHECKS[1]: statuses({**dict.fromkeys(complies, True), **is_fine}),
    }
    assert 0 < sum(complies.values()) < len(complies) == 60
    assert sum(node.status is NodeStatus.STOPPED for node in truth.nodes.values()) > 2


def statuses(passes):
    return {instance_id: "PASS" if is_fine else "FAIL" for instance_id, is_fine in passes.items()}


def findings(folder):
    """What each check says of each machine."""
    (path,) = folder.glob("*.csv")
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text, delimiter=";"))
    return {
        check: {row["RESOURCE_UID"].rpartition("/")[2]: row["STATUS"] for row in rows if row["CHECK_ID"] == check}
        for check in CHECKS
    }
