"""What can end the processes of `scan --workers` and `scan --dask`, and what goes on later than it should."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.faults.dask_processes import Cluster, workers_of
from tests.faults.kills.scene import PATIENCE_S, Scene, is_stopped
from tests.faults.lives import KILLED, Life
from tests.faults.workers import freeze, wake

#: Dask takes a worker for lost that has given no sign of life for so long, not for 300 s. It allows 5 s, which a worker
#: on a busy machine misses.
WORKER_TTL = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "20 s"}
ENDS_WITHIN_S = 60.0


def _moment(scene: Scene) -> int:
    return scene.chance.randrange(20, scene.requests * 2 // 3)


async def worker_is_killed(scene: Scene) -> str:
    """A worker of two that is killed, and replaced by Dask."""

    def kill_worker(life: Life) -> None:
        os.kill(scene.chance.choice(workers_of(life.pid)), signal.SIGKILL)

    _has_to_end(scene, scene.hit_at_request(_moment(scene), kill_worker, "scan", "--workers", "2"), 0)
    return ""


async def run_is_killed(scene: Scene) -> str:
    """The command itself, which plans and commits; another one resumes the scan."""
    life = scene.hit_at_request(_moment(scene), Life.kill, "scan", "--workers", "2")
    _has_to_end(scene, life, KILLED)
    await _resumed(scene)
    return ""


async def run_is_frozen(scene: Scene) -> str:
    """The command itself, which goes on when another has resumed the scan and committed it; on S3 only.

    In a folder it holds the lock of the scan as long as it lives.
    """
    life = scene.hit_at_request(_moment(scene), freeze, "scan", "--workers", "2")
    if await is_stopped(life.pid):
        if scene.s3 is not None:
            await _resumed(scene)
        wake(life)
    _has_to_end(scene, life, 0 if scene.s3 is None else 1)
    return ""


async def nanny_is_killed(scene: Scene) -> str:
    """A nanny of two, whose worker ends with it."""
    async with _cluster(scene, {}) as dask:
        nannies = [dask.start_worker(dask.address) for _ in range(2)]
        await dask.wait_for_workers(2)
        scene.at_request(_moment(scene), scene.chance.choice(nannies).kill)
        _has_to_end(scene, scene.workers.start("scan", "--dask", dask.address), 0)
    return ""


async def scheduler_is_killed(scene: Scene) -> str:
    """The scheduler: the command ends, and one without Dask resumes the scan."""
    async with _cluster(scene, {}) as dask:
        for _ in range(2):
            dask.start_worker(dask.address, nanny=False)
        await dask.wait_for_workers(2)
        scene.at_request(_moment(scene), dask.scheduler.kill)
        _has_to_end(scene, scene.workers.start("scan", "--dask", dask.address), 1)
    await _resumed(scene)
    return ""


async def worker_is_frozen(scene: Scene) -> str:
    """A worker that stands still until Dask takes it for lost and the scan is committed, and then goes on."""
    async with _cluster(scene, WORKER_TTL) as dask:
        workers = [dask.start_worker(dask.address, nanny=False) for _ in range(2)]
        await dask.wait_for_workers(2)
        victim: subprocess.Popen = scene.chance.choice(workers)
        scene.at_request(_moment(scene), lambda: freeze(victim))
        _has_to_end(scene, scene.workers.start("scan", "--dask", dask.address), 0)
        wake(victim)
        with suppress(subprocess.TimeoutExpired):
            victim.wait(ENDS_WITHIN_S)
    return ""


@asynccontextmanager
async def _cluster(scene: Scene, settings: dict[str, str]) -> AsyncIterator[Cluster]:
    """A cluster whose workers see the same store as the command."""
    variables = {**settings}
    if scene.s3 is not None:
        variables["AWS_ENDPOINT_URL_S3"] = scene.s3.url
    async with Cluster(scene.workers.folder / "dask", variables) as dask:
        yield dask


def _has_to_end(scene: Scene, life: Life, expected: int) -> None:
    code = life.wait(PATIENCE_S)
    scene.calm()
    if code != (expected if scene.outcome.is_hit else 0) or "Traceback" in life.said:
        scene.wrong(("scan", "by Dask"), code, life.said)


async def _resumed(scene: Scene) -> None:
    scene.calm()
    unfinished = await scene.unfinished()
    if unfinished:
        await scene.goes_on(unfinished[-1])
        await scene.to_its_end("scan", "--resume")
    elif not await scene.committed():  # nothing was stored, so there is nothing to resume
        await scene.to_its_end("scan")
