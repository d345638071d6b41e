"""Unmodified clients of AWS ask the simulator: it speaks AWS's protocol to others than its own scanner."""

from __future__ import annotations

import json

import pytest

from scanner.simulator.generate.build import make_world
from scanner.simulator.running.expected_columns import DOCUMENTED
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.world.faults import Faults
from tests.end_to_end.client_environments import AWS_CLI, CARTOGRAPHY, CUSTODIAN, installed

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
