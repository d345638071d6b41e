"""What AWS, or the way to it, refuses: named in one sentence, with the exit code that was promised."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing

import boto3
import pytest

from scanner.core.model import TargetStatus
from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from tests.end_to_end.commands import ORGANIZATION
from tests.end_to_end.tables import STREAMED, assert_right, columns_of, from_stream


@pytest.fixture(scope="module")
def simulator():
    with serve_in_thread(make_world(accounts=3, regions=2, nodes=12, rows=10)) as serving:
        yield serving


CANNOT_START = {
    "unreachable": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 1, "check the network and AWS_ENDPOINT_URL"),
    "keys that AWS does not know": (
        {"AWS_ACCESS_KEY_ID": "AKIAAAAAAAAAAAAAAAAA"},
        2,
        "check AWS_PROFILE and the access keys",
    ),
    "a wrong secret": ({"AWS_SECRET_ACCESS_KEY": "wrong"}, 2, "redential"),
    "a session that AWS does not know": ({"AWS_SESSION_TOKEN": "ended"}, 2, "redential"),
    "a Region that no partition has": ({"PATCHSWEEP_REGIONS": "eu-west-9"}, 2, "eu-west-9"),
    "a profile that is not there": ({"AWS_PROFILE": "nobody"}, 2, "nobody"),
}


@pytest.mark.parametrize("trouble", CANNOT_START)
def test_a_scan_that_cannot_start_says_why_in_one_sentence_and_leaves_no_scan(terminal, simulator, trouble):
    variables, code, named = CANNOT_START[trouble]
    user = terminal.given(simulator.environment() | {"PATCHSWEEP_MAX_ATTEMPTS": "1"} | variables)
    ended = user.run("scan")
    (sentence,) = ended.sentences
    assert (ended.code, ended.stderr) == (code, f"patchsweep: {sentence}\n")
    assert named in sentence
    assert not list(user.folder.glob("patchsweep-data/scans/*"))


def session_of(simulator, account_id):
    """Variables that hold a session of the account's role."""
    own = simulator.environment()
    keys = {"aws_access_key_id": own["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": own["AWS_SECRET_ACCESS_KEY"]}
    with closing(boto3.client("sts", endpoint_url=simulator.url, region_name=own["AWS_REGION"], **keys)) as sts:
        role = f"arn:aws:iam::{account_id}:role/{simulator.world.role_name}"
        given = sts.assume_role(RoleArn=role, RoleSessionName="by-hand")["Credentials"]
    return own | {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def test_a_session_that_is_over_is_told_from_one_that_works(terminal, simulator):
    account_id = list(simulator.world.accounts)[1]
    user = terminal.given(session_of(simulator, account_id))
    assert user.run("scan").code == 0
    simulator.expire_sessions(account_id)
    ended = user.run("scan")
    (sentence,) = ended.sentences
    assert (ended.code, ended.stderr) == (2, f"patchsweep: {sentence}\n")
    assert "expired" in sentence


def test_a_credential_process_that_only_has_old_keys_is_named_with_what_is_wrong(terminal, simulator):
    user = terminal.given(simulator.environment()).without("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    old = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "s", "Expiration": "2020-01-01T00:00:00Z"}
    (user.folder / "old.json").write_text(json.dumps({**old, "SessionToken": "t"}))
    (user.folder / ".aws").mkdir()
    (user.folder / ".aws" / "config").write_text("[default]\ncredential_process = cat old.json\n")
    ended = user.run("scan")
    (sentence,) = ended.sentences
    assert (ended.code, "Traceback" in ended.stderr) == (2, False)
    assert "refreshed credentials are still expired; run the profile's credential_process by hand" in sentence


SSO_USER = (
    "[default]\nsso_session = work\nsso_account_id = 111122223333\nsso_role_name = reader\n"
    "[sso-session work]\nsso_start_url = https://work.example\nsso_region = eu-west-1\n"
)
TOKENS = {
    "no token": None,
    "an expired token": {"accessToken": "t", "expiresAt": "2020-01-01T00:00:00Z", "region": "eu-west-1"},
    "a token that is no JSON object": [],
}


@pytest.mark.parametrize("token", TOKENS)
def test_a_library_that_logs_a_traceback_of_an_sso_user_adds_nothing_to_the_sentence(terminal, simulator, token):
    user = terminal.given(simulator.environment()).without("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    cache = user.folder / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (user.folder / ".aws" / "config").write_text(SSO_USER)
    if TOKENS[token] is not None:
        (cache / f"{hashlib.sha1(b'work').hexdigest()}.json").write_text(json.dumps(TOKENS[token]))
    ended = user.run("scan")
    (sentence,) = ended.sentences
    assert (ended.code, ended.stderr) == (2, f"patchsweep: {sentence}\n")
    assert "run `aws sso login`" in sentence


def test_a_role_that_is_refused_in_one_account_is_a_gap_and_the_others_are_whole(terminal):
    with serve_in_thread(make_world(accounts=3, regions=2, nodes=12, rows=10)) as simulator:
        refused = list(simulator.world.accounts)[1]
        simulator.revoke_role(refused)
        user = terminal.given(simulator.environment())
        ended = user.run("scan", *ORGANIZATION, *STREAMED)
        assert (ended.code, ended.sentences) == (3, [])
        assert "role/patchsweep-reader cannot be assumed" in " ".join(ended.stderr.split())
        tables = from_stream(ended.stdout.splitlines())
        assert_right(tables, simulator.truth())
        assert columns_of("scans", tables["scans"][0])["status"] == "partial"


def test_a_region_that_is_not_enabled_is_told_from_one_that_is_empty(terminal, simulator):
    user = terminal.given(simulator.environment())
    here, not_enabled = simulator.world.home_region, "sa-east-1"
    ended = user.run("scan", "--regions", f"{here},{not_enabled}", *STREAMED)
    assert (ended.code, ended.sentences) == (3, [])
    targets = [columns_of("targets", row) for row in from_stream(ended.stdout.splitlines())["targets"]]
    assert {target["region"]: target["status"] for target in targets} == {
        here: TargetStatus.SCANNED,
        not_enabled: TargetStatus.DISABLED,
    }


def test_a_scan_that_could_read_nothing_has_failed(terminal, simulator):
    ended = terminal.given(simulator.environment()).run("scan", "--regions", "sa-east-1")
    assert (ended.code, ended.sentences) == (1, [])
    assert "failed: nothing could be read" in ended.stderr
