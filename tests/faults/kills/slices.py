"""What can end `begin`, a `work` of three, or `finish`, and what goes on later than it should."""

from __future__ import annotations

import signal

from tests.faults.kills.scene import PATIENCE_S, Scene, is_stopped
from tests.faults.lives import KILLED, Life
from tests.faults.workers import freeze, wake

SCAN_ID = "20461125T221024Z-a1b2c3"  # after each that a test begins
PARTS = ("0/3", "1/3", "2/3")
BEGIN_REQUESTS, BEGIN_WRITES, FINISH_WRITES = 14, 8, 14  # about as many as there are
WORK_WRITES = 9  # fewer than there are


async def begin_is_killed(scene: Scene) -> str:
    """A `begin` that is killed, and run again under its id."""
    argv = ("begin", "--scan-id", SCAN_ID)
    if scene.chance.random() < 0.5:
        scene.killed(BEGIN_WRITES, *argv)
    else:
        scene.hit_at_request(scene.chance.randrange(1, BEGIN_REQUESTS), Life.kill, *argv).wait(PATIENCE_S)
        scene.calm()
    await scene.to_its_end(*argv)
    for part in PARTS:
        await scene.to_its_end("work", SCAN_ID, "--slice", part)
    await scene.to_its_end("finish", SCAN_ID)
    return SCAN_ID


async def work_is_killed(scene: Scene) -> str:
    """One of three workers that is killed, and started again."""
    await scene.to_its_end("begin", "--scan-id", SCAN_ID)
    victim, *others = scene.chance.sample(PARTS, len(PARTS))
    moment = scene.chance.randrange(5, scene.requests * 2 // 3)
    lives = {victim: scene.hit_at_request(moment, Life.kill, "work", SCAN_ID, "--slice", victim)}
    lives |= {part: scene.workers.start("work", SCAN_ID, "--slice", part) for part in others}
    for part, life in lives.items():
        code = life.wait(PATIENCE_S)
        if code not in ((0, KILLED) if part == victim else (0,)):
            scene.wrong(("work", part), code, life.said)
    scene.calm()
    await scene.goes_on(SCAN_ID)
    await scene.to_its_end("work", SCAN_ID, "--slice", victim)
    await scene.to_its_end("finish", SCAN_ID)
    return SCAN_ID


async def finish_is_killed(scene: Scene) -> str:
    """A `finish` that is killed, and run again."""
    await _read(scene)
    scene.killed(FINISH_WRITES, "finish", SCAN_ID)
    await scene.to_its_end("finish", SCAN_ID)
    return SCAN_ID


async def delta_is_killed(scene: Scene) -> str:
    """Each worker of a delta scan, in the round that reads and in the one that carries rows over, and its `finish`."""
    await scene.to_its_end("scan")
    (scene.outcome.earlier,) = await scene.committed()
    await scene.to_its_end("begin", "--mode", "delta", "--scan-id", SCAN_ID)
    hits = 0
    for part in ("0/2", "1/2") * 2:
        hits += scene.killed(WORK_WRITES, "work", SCAN_ID, "--slice", part) == KILLED
        await scene.to_its_end("work", SCAN_ID, "--slice", part)
    hits += scene.killed(FINISH_WRITES, "finish", SCAN_ID) == KILLED
    scene.outcome.is_hit = hits > 1
    await scene.to_its_end("finish", SCAN_ID)
    return SCAN_ID


async def work_is_frozen(scene: Scene) -> str:
    """A worker that stands still while another reads its slice and the scan is committed, and then goes on."""
    await scene.to_its_end("begin", "--scan-id", SCAN_ID)
    moment = scene.chance.randrange(5, scene.requests // 3)
    life = scene.hit_at_request(moment, freeze, "work", SCAN_ID, "--slice", "0/2")
    is_frozen = await is_stopped(life.pid)
    for part in ("0/2", "1/2"):
        await scene.to_its_end("work", SCAN_ID, "--slice", part)
    await scene.to_its_end("finish", SCAN_ID)
    scene.calm()
    if is_frozen:
        wake(life)
    life.wait(PATIENCE_S)
    return SCAN_ID


async def finish_is_frozen(scene: Scene) -> str:
    """A `finish` that stands still while another is run, and then goes on: its late commit is refused."""
    await _read(scene)
    number = scene.chance.randrange(1, FINISH_WRITES)
    if scene.s3 is None:
        first = scene.workers.start("finish", SCAN_ID, dies_at_change=number, dies_of=signal.SIGSTOP)
    else:
        first = scene.hit_at_put(number, freeze, "finish", SCAN_ID)
    scene.outcome.is_hit = is_frozen = await is_stopped(first.pid)
    second = scene.workers.start("finish", SCAN_ID)
    if is_frozen and scene.s3 is None:
        wake(first)  # it holds the lock of the scan, for which the other waits
    codes = [second.wait(PATIENCE_S)]
    if is_frozen and scene.s3 is not None:
        wake(first)
    codes.append(first.wait(PATIENCE_S))
    for life, code in zip((second, first), codes, strict=True):
        if code != 0:
            scene.wrong(("finish", SCAN_ID), code, life.said)
    scene.calm()
    await scene.to_its_end("finish", SCAN_ID)
    return SCAN_ID


async def _read(scene: Scene) -> None:
    await scene.to_its_end("begin", "--scan-id", SCAN_ID)
    for part in ("0/2", "1/2"):
        await scene.to_its_end("work", SCAN_ID, "--slice", part)
