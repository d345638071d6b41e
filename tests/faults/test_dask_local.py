"""`scan --workers`: worker processes that are killed or stopped, and a scan that is the truth nevertheless."""

from __future__ import annotations

import os
import signal
from random import Random
from uuid import uuid4

import pytest

from scanner.store.store import Store
from tests.faults.counting_s3 import serve_s3
from tests.faults.dask_processes import workers_of
from tests.faults.workers import LISTING, WORLD, Workers
from tests.faults.worlds import assert_is_the_truth, assert_rows_are_true, organization, stored

pytestmark = pytest.mark.slow

REQUESTS = 150  # about what a whole scan sends
PATIENCE_S = 500.0  # a busy machine takes a minute to start a worker


@pytest.fixture(scope="module")
def s3():
    with serve_s3("scans") as server:
        yield server


async def committed(workers):
    async with workers.files() as files:
        (scan_id,) = await Store(files).committed()
        return await stored(workers.store, scan_id, files)


@pytest.fixture
def scratch(tmp_path):
    """Returns the folder for temporary files, which has to be empty after the test."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    yield scratch
    assert [*scratch.iterdir()] == []


@pytest.mark.parametrize("place", ["folder", "s3"])
async def test_a_worker_that_is_killed_in_the_middle_is_replaced_and_the_scan_is_whole(
    place, tmp_path, scratch, monkeypatch, request
):
    with organization(WORLD) as simulator:
        store = None
        if place == "s3":
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", request.getfixturevalue("s3").url)
            store = f"s3://scans/{uuid4().hex}"
        workers = Workers(simulator, tmp_path, store, TMPDIR=str(scratch))
        chance, killed = Random(place), []

        def kill(_):
            if workers.requests >= at and not killed:
                killed.append(chance.choice(workers_of(life.pid)))
                os.kill(killed[0], signal.SIGKILL)

        at = chance.randrange(20, REQUESTS // 2)
        workers.on_request = kill
        life = workers.start("scan", "--workers", "2")
        assert life.wait(PATIENCE_S) == 0, life.said
        assert killed
        assert "Traceback" not in life.said
        assert_is_the_truth(await committed(workers), simulator.truth())


async def test_a_target_that_kills_each_worker_fails_alone_and_by_name(tmp_path):
    with organization(WORLD) as simulator:
        workers, truth = Workers(simulator, tmp_path), simulator.truth()
        poison = sorted(truth.targets)[3]
        killed = set()

        def kill(call):
            if call.operation == LISTING and (call.account_id, call.region) == poison:
                for pid in workers_of(life.pid):
                    killed.add(pid)
                    os.kill(pid, signal.SIGKILL)

        workers.on_request = kill
        life = workers.start("scan", "--workers", "1")
        assert life.wait(PATIENCE_S) == 3, life.said
        assert 4 <= len(killed) <= 5  # one may be killed for a request that its predecessor had sent
        found = await committed(workers)
        left = {key: row["reason"] for key, row in found.targets.items() if row["status"] != "scanned"}
        assert left == {poison: "4 workers ended while they read it"}
        assert_rows_are_true(found, truth, among=[key for key in truth.nodes if key[:2] != poison])


async def test_a_scan_that_is_stopped_says_how_it_goes_on_and_leaves_nothing_open(tmp_path, scratch):
    with organization(WORLD) as simulator:
        workers = Workers(simulator, tmp_path, TMPDIR=str(scratch))
        workers.on_request = lambda _: life.terminate() if workers.requests == REQUESTS // 2 else None
        life = workers.start("scan", "--workers", "2")
        assert life.wait(PATIENCE_S) == 143
        assert "stopped; resume with `patchsweep scan --resume " in life.said
        async with workers.files() as files:
            (scan_id,) = await Store(files).unfinished()
            assert await files.names(f"scans/{scan_id}/open/") == []
        ended = await workers.ended(scan_id)
        workers.listed.clear()
        life = workers.start("scan", "--resume", "--workers", "2")
        assert life.wait(PATIENCE_S) == 0, life.said
        assert not ended & set(workers.listed)
        assert_is_the_truth(await committed(workers), simulator.truth())
