"""Patches and facts that are not what the API says: the command keeps all others, and says what it could not read."""

from __future__ import annotations

import json

import anyio
import pytest

from tests.aws.fake_ssm import Answer, FakeAws, ok, serving
from tests.end_to_end.commands import terminal_in

pytestmark = pytest.mark.slow

SOURCES = ("ec2", "inventory", "associations", "tags", "baselines")
OFF = [part for source in SOURCES for part in (f"--coverage-{source}", "off")]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAHUB", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
MISSING = '{"KBId":"KB1","Title":"one","State":"Missing","Severity":"Critical","CVEIds":"CVE-2026-1111"}'
INSTALLED = '{"KBId":"KB3","Title":"three \\ud83d","State":"Installed"}'
#: The second row of each node, which cannot be read.
ODD = {
    f"i-0123456789abcdef{number}": row
    for number, row in enumerate(
        (
            '{"KBId":"KB2","State":"Missing","CVEIds":["CVE-2026-2222"]}',
            '{"KBId":"KB2","State":"Missing","Severity":5}',
            '{"KBId":"KB2","State":"Missing","Title":{"en":"two"}}',
            '{"KBId":"KB2","State":"NotApplicable","InstalledTime":true}',
            '{"KBId":"KB2","State":1e400}',
            "null",
        )
    )
}
GOOD = "i-0123456789abcdeff"


def states_of(call):
    return ok(
        InstancePatchStates=[
            {"InstanceId": each, "MissingCount": 1, "InstalledCount": 1, "OperationEndTime": 1.7e9}
            for each in call.members["InstanceIds"]
        ]
    )


def patches_of(call):
    if call.members.get("NextToken"):
        return Answer(f'{{"Patches":[{INSTALLED}]}}'.encode())
    rows = ",".join(filter(None, (MISSING, ODD.get(call.members["InstanceId"]))))
    return Answer(f'{{"Patches":[{rows}],"NextToken":"t"}}'.encode())


async def scanned(folder, nodes):
    """A terminal in whose folder a scan of nodes with these rows has ended, and how it ended."""
    fake = FakeAws()
    fake.on("DescribeInstanceInformation", ok(InstanceInformationList=nodes))
    fake.on("DescribeInstancePatchStates", states_of)
    fake.on("DescribeInstancePatches", patches_of)
    async with serving(fake) as url:
        terminal = terminal_in(folder).given({"AWS_ENDPOINT_URL": url, **CREDENTIALS})
        return terminal, await anyio.to_thread.run_sync(lambda: terminal.run("scan", *OFF))


@pytest.fixture
async def user(tmp_path):
    """A terminal in whose folder a scan of these nodes has ended, as is asserted here."""
    terminal, ended = await scanned(tmp_path, [{"InstanceId": each} for each in (*ODD, GOOD)])
    words = " ".join(ended.stderr.split())
    assert ended.code == 3
    assert "7 machines: 1 verified, 6 mismatched." in words
    assert "1 row cannot be read: KB2 (Expected" in words
    return terminal


def rows_of(user, sql):
    return [tuple(row.values()) for row in json.loads(user.run("query", sql, "--format", "json").stdout)["rows"]]


async def test_the_other_rows_are_kept_and_the_node_is_never_taken_for_fine(user):
    assert rows_of(user, "SELECT instance_id, status FROM nodes ORDER BY 1") == [
        *((each, "mismatched") for each in ODD),
        (GOOD, "verified"),
    ]
    assert rows_of(user, "SELECT instance_id, kb_id, title FROM patches ORDER BY ALL") == [
        row for each in (*ODD, GOOD) for row in ((each, "KB1", "one"), (each, "KB3", "three \ufffd"))
    ]
    assert rows_of(user, "SELECT count(*) FROM nodes WHERE reason LIKE '1 row cannot be read: %'") == [(6,)]

    affected = user.run("cve", "CVE-2026-1111", "--format", "json")
    assert {row["instance_id"] for row in json.loads(affected.stdout)["rows"]} == {*ODD, GOOD}
    unknown = user.run("cve", "CVE-2026-2222")
    assert unknown.code == 3
    assert "some are not understood" in " ".join(unknown.stderr.split())

    assert user.run("report", "--output", "report.html").code == 0
    assert "1 row cannot be read: KB2" in (user.folder / "report.html").read_text()


async def test_a_node_with_odd_facts_has_its_patches_read_and_the_facts_named(tmp_path):
    row = {"InstanceId": GOOD, "PlatformType": "Linux", "PlatformName": 7, "AgentVersion": {"major": 3}}
    user, ended = await scanned(tmp_path, [row])
    words = " ".join(ended.stderr.split())
    assert ended.code == 0, words
    assert f"answered what cannot be read: PlatformName, AgentVersion of {GOOD}" in words
    facts = "SELECT instance_id, status, platform_type, platform_name, agent_version, patch_rows FROM nodes"
    assert rows_of(user, facts) == [(GOOD, "verified", "Linux", None, None, 2)]
