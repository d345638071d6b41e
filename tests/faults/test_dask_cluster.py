"""`scan --dask`: a cluster whose processes are killed, and what passes between them."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest
from anyio import to_thread

from scanner.simulator.generate.build import make_world
from scanner.store.store import Store
from tests.faults.dask_processes import Cluster, RecordingProxy, workers_of
from tests.faults.test_secrets import secrets_of
from tests.faults.workers import Workers
from tests.faults.worlds import EXTERNAL_ID, assert_is_the_truth, organization, stored

pytestmark = pytest.mark.slow

WORLD = make_world(accounts=4, regions=2, nodes=64, rows=30, external_id=EXTERNAL_ID)
REQUESTS = 75  # about half of what a whole scan sends
PATIENCE_S = 500.0
UNCOMPRESSED = {"DASK_DISTRIBUTED__COMM__COMPRESSION": "False"}


@pytest.fixture
def simulator():
    with organization(WORLD) as simulator:
        yield simulator


@pytest.fixture
def workers(simulator, tmp_path):
    return Workers(simulator, tmp_path, PATCHSWEEP_EXTERNAL_ID=EXTERNAL_ID)


def cluster(tmp_path):
    return Cluster(tmp_path / "dask", {"PATCHSWEEP_EXTERNAL_ID": EXTERNAL_ID, **UNCOMPRESSED})


async def ended(life):
    """The exit code, while proxies of this process go on."""
    return await to_thread.run_sync(partial(life.wait, PATIENCE_S))


async def test_a_nanny_and_a_worker_are_killed_and_the_scan_is_whole_and_no_secret_and_no_row_was_sent(
    simulator, workers, tmp_path
):
    async with cluster(tmp_path) as dask, RecordingProxy(dask.address) as proxy:
        nannies = [dask.start_worker(proxy.address) for _ in range(2)]

        def kill(_):
            if workers.requests == REQUESTS // 2:
                nannies[0].kill()  # its worker ends with it
            if workers.requests == REQUESTS:
                for pid in workers_of(nannies[1].pid):
                    os.kill(pid, signal.SIGKILL)

        workers.on_request = kill
        life = workers.start("scan", "--dask", proxy.address)
        assert await ended(life) == 0, life.said
        seen = bytes(proxy.seen)
    async with workers.files() as files:
        (scan_id,) = await Store(files).committed()
        assert_is_the_truth(await stored(workers.store, scan_id, files), simulator.truth())
    truth = simulator.truth()
    assert scan_id.encode() in seen
    assert workers.store.encode() in seen
    assert not [secret for secret in secrets_of(simulator) if secret.encode() in seen]
    assert not [node for _, _, node in truth.nodes if node.encode() in seen]


async def test_a_scheduler_that_is_gone_ends_the_run_in_a_sentence_and_the_scan_goes_on_without_it(
    simulator, workers, tmp_path
):
    async with cluster(tmp_path) as dask:
        dask.start_worker(dask.address, nanny=False)
        workers.on_request = lambda _: dask.scheduler.kill() if workers.requests == REQUESTS else None
        life = workers.start("scan", "--dask", dask.address)
        assert await ended(life) == 1
    (sentence,) = (line for line in life.said.splitlines() if line.startswith("patchsweep: "))
    assert f"the scheduler of the Dask cluster at {dask.address} is gone" in sentence
    assert "resume with `patchsweep scan --resume " in sentence
    assert "Traceback" not in life.said
    workers.on_request = lambda _: None
    code, life = workers.run("scan", "--resume")
    assert code == 0, life.said
    async with workers.files() as files:
        (scan_id,) = await Store(files).committed()
        assert_is_the_truth(await stored(workers.store, scan_id, files), simulator.truth())
