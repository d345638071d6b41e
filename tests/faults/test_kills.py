"""A process of a scan by workers is killed, or frozen until the scan is committed.

`python -m tests.faults --kills N` does so N times with each process, in a folder and on S3.
"""

from __future__ import annotations

import pytest

from tests.faults.counting_s3 import serve_s3
from tests.faults.kills.campaign import BUCKET, VICTIMS, Case, run_case
from tests.faults.kills.slices import SCAN_ID

pytestmark = pytest.mark.slow

CASES = (
    Case("finish", "s3", 0),
    Case("delta", "s3", 0),
    Case("frozen finish", "folder", 0),
    Case("frozen finish", "s3", 0),
    Case("scheduler", "s3", 0),
    Case("run", "folder", 0),
    Case("frozen worker", "s3", 0),
)


@pytest.fixture(scope="module")
def s3():
    with serve_s3(BUCKET) as server:
        yield server


@pytest.mark.timeout(600)  # on a busy machine Dask takes a minute to start
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_scan_by_workers_is_whole_whichever_process_is_hit(case, s3, tmp_path):
    outcome = await run_case(case, s3, tmp_path)

    assert not outcome.findings.counts, outcome.findings.examples
    assert outcome.is_hit
    assert not outcome.pages_again
    assert outcome.findings.compared["rows"]


async def test_a_row_that_is_missing_would_be_found(s3, tmp_path, monkeypatch):
    async def commits_half(scene):
        for argv in (("begin", "--scan-id", SCAN_ID), ("work", SCAN_ID, "--slice", "0/2")):
            await scene.to_its_end(*argv)
        scene.workers.run("finish", SCAN_ID)

    monkeypatch.setitem(VICTIMS, "half", commits_half)
    outcome = await run_case(Case("half", "folder", 0), s3, tmp_path)

    assert outcome.findings.counts["rows lost"]
    assert outcome.findings.counts["wrong targets"]
