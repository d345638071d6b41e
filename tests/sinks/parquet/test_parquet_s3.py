"""The Parquet sink in a bucket, over the wire."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest

from scanner.aws.sdk.session import Sessions
from scanner.core.settings import LimitSettings
from scanner.files.s3 import open_files
from scanner.sinks.context import SinkContext
from scanner.sinks.parquet.sink import parquet_sink
from scanner.sinks.testing.samples import awkward_scan, empty_scan
from tests.moto_server import serving_moto
from tests.sinks import publishing

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(monkeypatch):
    with serving_moto() as url:
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield "patchsweep-sink"


async def publish(files, scan):
    context = SinkContext(scan.summary.scan.scan_id, lambda _: files, io.BytesIO())
    await publishing.publish(parquet_sink(files.url, context), scan)


async def test_scans_stand_side_by_side_in_a_bucket_and_one_is_replaced_whole(bucket):
    async with Sessions(LimitSettings()).s3() as client:
        await client.create_bucket(Bucket=bucket)
    async with open_files(f"s3://{bucket}/reports/patches") as files:
        await publish(files, awkward_scan("s1"))
        await publish(files, awkward_scan("s2"))
        await publish(files, empty_scan("s1"))
        names = await files.names()
        assert names == [
            "_published/s1.json",
            "_published/s2.json",
            "baselines/scan_date=2026-11-23/s1-00000.parquet",
            "baselines/scan_date=2026-11-23/s2-00000.parquet",
            "nodes/scan_date=2026-11-23/s2-00000.parquet",
            "patches/scan_date=2026-11-23/s2-00000.parquet",
            "scans/scan_date=2026-11-23/s1-00000.parquet",
            "scans/scan_date=2026-11-23/s2-00000.parquet",
            "tags/scan_date=2026-11-23/s2-00000.parquet",
            "targets/scan_date=2026-11-23/s1-00000.parquet",
            "targets/scan_date=2026-11-23/s2-00000.parquet",
        ]
        rows = [pq.read_table(io.BytesIO(await files.get(name))).num_rows for name in names if "patches/" in name]
        assert sum(rows) == awkward_scan("s2").tables["patches"].num_rows
