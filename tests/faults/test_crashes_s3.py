"""Runs killed while an object is on its way to S3: resumed, they hold the truth."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest

from scanner.files.s3 import open_files
from scanner.simulator.generate.build import make_world
from scanner.store.store import Store
from tests.faults.counting_s3 import serve_s3
from tests.faults.lives import KILLED, Life
from tests.faults.worlds import LIMITS, assert_is_the_truth, organization, stored

WORLD = make_world(accounts=1, regions=2, nodes=30, rows=30)


@pytest.fixture(scope="module")
def s3():
    with serve_s3("scans") as server:
        yield server


# Four PUTs of the write test, the lease, the header, then segments, the targets, the lease, the manifest, latest.json.
@pytest.mark.parametrize("number", [1, 4, 5, 6, 7, 9, 10, 11, 12])
async def test_a_run_killed_while_it_uploads_is_resumed_to_the_truth(number, s3, tmp_path, monkeypatch):
    place = f"s3://scans/{uuid4().hex}"
    with organization(WORLD) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        environment = {
            **os.environ,
            "PATCHSWEEP_STORE": place,
            "PATCHSWEEP_REGIONS": "enabled",
            "PATCHSWEEP_RATE": str(LIMITS.rate_per_s),
            "PATCHSWEEP_MAX_RATE": str(LIMITS.max_rate_per_s),
            "PATCHSWEEP_MAX_OPEN_TARGETS": "1",
            "PATCHSWEEP_FLUSH_ROWS": "250",
            "PATCHSWEEP_LEASE_S": "1",
        }
        life = Life(["scan"], environment, tmp_path / "store")
        s3.puts, s3.told = 0, lambda put: life.kill() if put == number else None
        assert life.wait() == KILLED
        s3.told = lambda _: None

        async with open_files(place) as files:
            store = Store(files)
            if not await store.committed():
                resume = ["--resume"] if await store.unfinished() else []
                code, life = 1, None
                while code == 1 and (life is None or "is being written by process" in life.said):
                    life = Life(["scan", *resume], environment, tmp_path / "s")
                    code = life.wait()
                assert code == 0, life.said
            (scan_id,) = await store.committed()
            assert_is_the_truth(await stored(place, scan_id, files), simulator.truth())
