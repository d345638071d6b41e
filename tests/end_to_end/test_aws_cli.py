"""An unmodified AWS CLI asks the simulator: it speaks AWS's protocol to others than its own scanner."""

from __future__ import annotations

import json

import pytest

from scanner.simulator.generate.build import make_world
from scanner.simulator.running.expected_columns import DOCUMENTED
from scanner.simulator.server.run import serve_in_thread
from scanner.simulator.world.faults import Faults
from tests.end_to_end.aws_cli import aws_command

pytestmark = pytest.mark.timeout(900)  # pip installs the CLI first, which takes minutes on a busy machine


@pytest.fixture(scope="session")
def aws(pytestconfig):
    return aws_command(pytestconfig.cache.mkdir("aws-cli"))


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
