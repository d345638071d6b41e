"""Everything apart, as in earnest: the organization in a process of its own, store and sink on S3 behind a third."""

from __future__ import annotations

import signal
from contextlib import closing, contextmanager

import boto3
import pytest
from botocore.exceptions import ClientError

from scanner.core.tables import TABLES
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.expected import truth
from scanner.simulator.running.state import WorldState
from tests.end_to_end.commands import ENDS_WITHIN_S, ORGANIZATION
from tests.end_to_end.tables import assert_right, assert_same_rows, from_jsonl, from_parquet_files, from_query
from tests.moto_server import serving_moto

BUCKET = "patch-reports"


@contextmanager
def simulated(terminal, *options):
    """`patchsweep simulate`, and the variables that it prints for whoever wants to use it."""
    with terminal.start("simulate", *options, "--port", "0") as process:
        try:
            lines = iter(process.stdout.readline, "")
            exports = [next(lines) for _ in range(7)]
            assert exports[0] == "unset AWS_PROFILE AWS_SESSION_TOKEN\n"
            variables = (line.removeprefix("export ").strip().split("=", 1) for line in exports[1:])
            yield dict(variables)
            process.send_signal(signal.SIGTERM)
            assert process.wait(ENDS_WITHIN_S) == 0
        finally:
            process.kill()


@pytest.fixture
def s3():
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    with serving_moto() as url, closing(boto3.client("s3", endpoint_url=url, **keys)) as client:
        client.create_bucket(Bucket=BUCKET)
        yield client


def objects(s3, prefix):
    """Names below the prefix, and contents."""
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    assert not listed["IsTruncated"]
    keys = [item["Key"] for item in listed["Contents"]]
    return {key.removeprefix(prefix): s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def test_a_scan_from_the_wire_to_s3_and_back_holds_the_truth(terminal, s3):
    store, sink = f"s3://{BUCKET}/store", f"parquet:s3://{BUCKET}/lake"
    with simulated(terminal, "--account-count", "2", "--region-count", "2", "--node-count", "12") as variables:
        aws = terminal.given(variables | {"AWS_ENDPOINT_URL_S3": s3.meta.endpoint_url, "PATCHSWEEP_STORE": store})
        ended = aws.run_whole("scan", *ORGANIZATION, "--sink", sink)
        assert (ended.code, ended.stdout, ended.sentences) == (0, "", [])
        world = make_world(accounts=2, regions=2, nodes=12)

        sent = from_parquet_files(files_of_tables(s3))
        assert_right(sent, truth(WorldState(world)))
        assert_same_rows(from_query(aws, tables=["patches"])["patches"], sent["patches"])

        scan_id = sent["scans"][0][0]
        assert scan_id in aws.run_whole("scans").stdout
        assert aws.run_whole("scans", "verify").stdout == f"{scan_id}: OK: all files present and unmodified\n"
        assert aws.run_whole("publish", scan_id, "--sink", sink, "--sink", "jsonl:again").code == 0
        for published in (from_parquet_files(files_of_tables(s3)), from_jsonl(terminal.folder / "again")):
            for name in TABLES:
                assert_same_rows(published[name], sent[name])


def files_of_tables(s3):
    """The Parquet files of the sink."""
    return {name: content for name, content in objects(s3, "lake/").items() if name.endswith(".parquet")}


def test_a_sink_in_a_bucket_that_is_not_there_is_known_before_the_first_node(terminal, s3):
    with simulated(terminal, "--account-count", "1", "--region-count", "1", "--node-count", "3") as variables:
        aws = terminal.given(variables | {"AWS_ENDPOINT_URL_S3": s3.meta.endpoint_url})
        ended = aws.run_whole("scan", "--sink", "parquet:s3://not-there-yet/lake")
        (sentence,) = ended.sentences
        assert (ended.code, "Traceback" in ended.stderr) == (1, False)
        assert sentence.startswith("nothing was read, because the sink parquet:s3://not-there-yet/lake would not take")
        with pytest.raises(ClientError):
            s3.head_bucket(Bucket="not-there-yet")
        s3.create_bucket(Bucket="not-there-yet")
        assert aws.run_whole("scan", "--sink", "parquet:s3://not-there-yet/lake").code == 0
        listed = s3.list_objects_v2(Bucket="not-there-yet", Prefix="lake/scans/")
        assert listed["KeyCount"] == 1
