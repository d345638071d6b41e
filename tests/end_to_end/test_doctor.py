"""`doctor` foretells what a scan with the same options would come to."""

from __future__ import annotations

from contextlib import closing

import boto3
import psycopg
import pytest
from msgspec import structs

from scanner.simulator.generate.build import make_world
from scanner.simulator.server.run import serve_in_thread
from tests.end_to_end.commands import ORGANIZATION
from tests.moto_server import serving_moto

KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}


@pytest.fixture(scope="module")
def s3():
    with serving_moto() as url:
        yield url


@pytest.fixture
def simulator():
    with serve_in_thread(make_world(accounts=3, regions=2, nodes=12, rows=10)) as serving:
        yield serving


def test_where_a_scan_would_be_complete_all_is_well_and_nothing_is_left_behind(terminal, simulator):
    user = terminal.given(simulator.environment())

    ended = user.run("doctor", *ORGANIZATION, "--sink", "csv:out")

    assert (ended.code, ended.sentences) == (0, [])
    assert "targets     6 of 6 can be read\n" in ended.stdout
    assert "sink        csv:out: OK\n" in ended.stdout
    assert list(user.folder.iterdir()) == []
    assert user.run("scan", *ORGANIZATION).code == 0


def test_a_database_is_tried_and_holds_nothing_afterwards(terminal, simulator, database):
    user = terminal.given(simulator.environment())

    right = user.run("doctor", *ORGANIZATION, "--sink", database)
    wrong = user.run("doctor", *ORGANIZATION, "--sink", database.replace("hush-admin", "hush-hush"))

    place = database.replace("hush-admin", "***")
    assert (right.code, right.sentences) == (0, [])
    assert f"sink {place}: OK" in " ".join(right.stdout.split())
    assert (wrong.code, wrong.sentences) == (1, [])
    assert f"sink {place}: cannot connect to {place}: " in " ".join(wrong.stdout.split())
    assert "hush" not in right.stdout + right.stderr + wrong.stdout + wrong.stderr
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall() == []


def test_a_role_that_is_refused_is_named_and_a_scan_would_be_partial(terminal, simulator):
    refused = list(simulator.world.accounts)[1]
    simulator.revoke_role(refused)
    user = terminal.given(simulator.environment())

    ended = user.run("doctor", *ORGANIZATION)

    assert (ended.code, ended.sentences) == (3, [])
    assert f"  denied      {refused}/*: Role arn:aws:iam::{refused}:role/patchsweep-reader" in ended.stdout
    assert user.run("scan", *ORGANIZATION).code == 3


def test_permissions_that_are_missing_are_advised_on_and_are_a_gap_where_they_are_required(terminal):
    denied = frozenset({"ec2:DescribeInstances", "ssm:GetPatchBaseline", "ssm:ListComplianceItems"})
    world = make_world(accounts=2, regions=1, nodes=4, rows=10)
    accounts = {name: structs.replace(each, denied_actions=denied) for name, each in world.accounts.items()}
    with serve_in_thread(structs.replace(world, accounts=accounts)) as simulator:
        user = terminal.given(simulator.environment())

        advised = user.run("doctor", *ORGANIZATION)
        required = user.run("doctor", *ORGANIZATION, "--coverage-ec2", "required")
        assert user.run("scan", *ORGANIZATION, "--coverage-ec2", "required").code == 3

    assert (advised.code, required.code) == (0, 3)
    text = " ".join(advised.stdout.split())
    for action in denied:
        assert f"{action} is denied in 2 accounts; allow it to see " in text
    assert text.count("is denied in") == len(denied)
    assert "targets 2 of 2 can be read" in text
    assert "targets 0 of 2 can be read, 2 denied" in required.stdout.replace("     ", " ")


def test_pages_that_the_service_refuses_are_advised_against(terminal, simulator):
    ended = terminal.given(simulator.environment()).run("doctor")

    assert "page size   AWS takes no more than 50 patches a page here" in ended.stdout


def test_a_store_and_sinks_that_cannot_be_used_are_named_with_the_reason(terminal, simulator, s3):
    user = terminal.given({**simulator.environment(), "AWS_ENDPOINT_URL_S3": s3})
    (user.folder / "file").write_text("")

    ended = user.run("doctor", "--store", "file", "--sink", "csv:file/out", "--sink", "parquet:s3://nobodys-bucket/x")

    assert (ended.code, ended.sentences) == (1, [])
    told = " ".join(ended.stdout.split())
    assert "store file: cannot write" in told
    assert "sink csv:file/out: the sink csv:file/out needs a folder" in told
    assert "sink parquet:s3://nobodys-bucket/x: " in told
    assert "create the bucket or correct its name" in told
    assert ": OK" not in told
    assert (user.folder / "file").read_text() == ""


def test_a_sink_on_s3_is_written_to_and_left_as_it_was(terminal, simulator, s3):
    with closing(boto3.client("s3", endpoint_url=s3, region_name="us-east-1", **KEYS)) as client:
        client.create_bucket(Bucket="reports")

        ended = terminal.given({**simulator.environment(), "AWS_ENDPOINT_URL_S3": s3}).run(
            "doctor", "--sink", "parquet:s3://reports/tables"
        )

        assert "sink        parquet:s3://reports/tables: OK\n" in ended.stdout
        assert "Contents" not in client.list_objects_v2(Bucket="reports")


def test_credentials_that_aws_does_not_accept_end_it_in_one_sentence(terminal, simulator):
    ended = terminal.given({**simulator.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}).run("doctor")

    (sentence,) = ended.sentences
    assert (ended.code, ended.stdout) == (2, "")
    assert "redential" in sentence


def test_a_sink_with_which_no_scan_begins_is_worse_than_one_that_would_fail(terminal, simulator):
    user = terminal.given(simulator.environment())

    ended = user.run("doctor", "--sink", "nope:x")

    assert (ended.code, ended.sentences) == (1, [])
    assert "sink        nope:x: the sink nope:x is of an unknown type" in ended.stdout
    assert user.run("scan", "--sink", "nope:x").code == 2
