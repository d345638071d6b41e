from __future__ import annotations

import json

import pytest

from tests.cli.fake_app import FakeApp
from tests.cli.running import run
from tests.cli.stored import CVE, NEW, OLD, store_two_scans_and_an_unfinished_one


def ask(*argv, store):
    return run("cve", *argv, "--store", store, app=FakeApp())


def test_the_newest_scan_tells_which_nodes_lack_the_fix(store):
    ended = ask(CVE.lower(), "--format", "json", store=store)

    assert ended.code == 0
    assert [
        (row["account_id"], row["region"], row["instance_id"], row["state"]) for row in json.loads(ended.stdout)
    ] == [("111122223333", "eu-west-1", "i-0a", "MISSING")] * 2
    assert ended.stderr == f"patchsweep: {CVE}: 1 node in 1 account lacks the fix; 0 do not (scan {NEW})\n"


def test_an_older_scan_can_be_asked(store):
    ended = ask(CVE, "--scan", OLD, "--format", "csv", store=store)

    assert ended.code == 0
    assert len(ended.stdout.splitlines()) == 1
    assert OLD in ended.stderr


def test_an_answer_that_does_not_cover_every_node_ends_with_3(tmp_path):
    store_two_scans_and_an_unfinished_one(tmp_path, cve_ids="")

    ended = ask(CVE, store=str(tmp_path))

    assert ended.code == 3
    assert "Unknown for 1 node: AWS names no CVEs" in ended.stderr


@pytest.mark.parametrize(
    ("argv", "says"), [(("CVE-1",), "not a CVE id"), ((CVE, "--scan", "nope"), NEW), ((), "CVE_ID")], ids=str
)
def test_wrong_usage_is_a_sentence(argv, says, store):
    ended = ask(*argv, store=store)

    assert (ended.code, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
