"""Scans that several processes read: killed, doubled, frozen or never started, what is committed is the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random
from threading import Event
from time import monotonic
from uuid import uuid4

import pytest
from anyio import to_thread

from scanner.cli.scans_progress import progress_lines, unfinished_scan
from scanner.simulator.generate.build import make_world
from scanner.simulator.running.buckets import Limits, Rate
from scanner.store.store import Store
from tests.faults.counting_s3 import serve_s3
from tests.faults.lives import KILLED
from tests.faults.workers import LISTING, PATCHES, WORLD, Workers, freeze, wake
from tests.faults.worlds import assert_is_the_truth, assert_rows_are_true, organization, stored

BUSY = make_world(accounts=2, regions=3, nodes=72, rows=200)
AT_20_A_SECOND = {"PATCHSWEEP_RATE": "20", "PATCHSWEEP_MAX_RATE": "20", "PATCHSWEEP_BURST": "10"}
REQUESTS = 150  # about what a whole scan sends


@pytest.fixture(scope="module")
def s3():
    with serve_s3("scans") as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def workers(request, tmp_path, monkeypatch):
    with organization(WORLD) as simulator:
        store = None
        if request.param == "s3":
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", request.getfixturevalue("s3").url)
            store = f"s3://scans/{uuid4().hex}"
        yield Workers(simulator, tmp_path, store), simulator.truth()


async def committed(workers, scan_id):
    async with workers.files() as files:
        return await stored(workers.store, scan_id, files)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_a_worker_killed_at_any_moment_is_started_again_and_the_scan_is_whole(seed, workers):
    workers, truth = workers
    chance = Random(seed)
    scan_id = await workers.begin()
    lives = {f"{index}/3": workers.start("work", scan_id, "--slice", f"{index}/3") for index in range(3)}
    victim, at = chance.choice(sorted(lives)), workers.requests + chance.randrange(10, REQUESTS)
    workers.on_request = lambda _: lives[victim].kill() if workers.requests == at else None
    codes = {part: life.wait(120.0) for part, life in lives.items()}
    assert {code for part, code in codes.items() if part != victim} == {0}

    ended, delivered = await workers.ended(scan_id), await workers.stored_nodes(scan_id)
    workers.listed.clear()
    before = Counter(workers.pages)
    code, life = workers.run("work", scan_id, "--slice", victim)
    assert code == 0, life.said
    assert not ended & set(workers.listed)
    # What is asked beyond need is what the killed worker had asked of nodes that it had not stored.
    again = workers.pages - before
    assert not delivered & set(again)
    assert set(again) | delivered == set(workers.pages)
    assert all(before[each] <= again[each] for each in again)

    code, life = workers.run("finish", scan_id)
    assert code == 0, life.said
    assert_is_the_truth(await committed(workers, scan_id), truth)


@pytest.mark.slow
async def test_a_begin_that_is_killed_at_any_change_is_run_again_under_its_id(tmp_path):
    with organization(WORLD) as simulator:
        workers, scan_id = Workers(simulator, tmp_path), "20261125T221024Z-a1b2c3"
        number, code = 0, KILLED
        while code == KILLED:
            number += 1
            code, life = workers.run("begin", "--scan-id", scan_id, dies_at_change=number)
        assert code == 0, life.said
        assert number > 4  # it was killed before each of its changes to the store
        assert workers.run("work", scan_id)[0] == 0
        assert workers.run("finish", scan_id)[0] == 0
        assert_is_the_truth(await committed(workers, scan_id), simulator.truth())
        async with workers.files() as files:
            assert await Store(files).unfinished() == []


def until_not_busy(workers, scan_id, dies_at):
    """Begins, killed at a request, as often as the lease of a killed process is in the way; returns the exit code."""
    code, lives = 1, []
    while code == 1 and len(lives) < 60:
        lives.append(workers.start("begin", "--scan-id", scan_id))
        at = workers.requests + dies_at
        workers.on_request = lambda _: lives[-1].kill() if workers.requests == at else None  # noqa: B023
        code = lives[-1].wait(120.0)
        assert code != 1 or "is being written by" in lives[-1].said, lives[-1].said
    return code


@pytest.mark.slow
async def test_a_begin_that_is_killed_at_any_request_is_run_again_under_its_id_on_s3(tmp_path, monkeypatch, s3):
    with organization(WORLD) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        workers = Workers(simulator, tmp_path, f"s3://scans/{uuid4().hex}")
        scan_id = "20261125T221024Z-a1b2c3"
        for at in (1, 3, 8):
            assert until_not_busy(workers, scan_id, at) == KILLED
        workers.on_request = lambda _: None
        assert until_not_busy(workers, scan_id, 0) == 0
        for argv in (("work", scan_id), ("finish", scan_id)):
            code, life = workers.run(*argv)
            assert code == 0, life.said
        assert_is_the_truth(await committed(workers, scan_id), simulator.truth())


@pytest.mark.slow
@pytest.mark.parametrize("halves", [False, True])
async def test_three_workers_ask_no_account_region_and_operation_faster_than_one_would(halves, tmp_path):
    """A worker has the limiter of its targets, so that a target is never split, whatever the number of workers."""
    granted = Rate(rate_per_s=20.0, burst=10.0)
    schedule = ((2.0, Rate(rate_per_s=10.0, burst=10.0)),) if halves else ()
    with organization(BUSY, limits=Limits(default=granted, schedule=schedule)) as simulator:
        workers = Workers(simulator, tmp_path, **AT_20_A_SECOND)
        scan_id = await workers.begin()
        asked = defaultdict(list)
        workers.on_request = lambda call: asked[call.account_id, call.region, call.operation].append(monotonic())
        lives = [workers.start("work", scan_id, "--slice", f"{index}/3") for index in range(3)]
        assert [life.wait(300.0) for life in lives] == [0, 0, 0]
        code, life = workers.run("finish", scan_id)
        assert code == 0, life.said

    pages = {key: times for key, times in asked.items() if key[2] == PATCHES}
    assert len(pages) == len(simulator.truth().targets)
    assert min(map(len, pages.values())) > 2 * granted.burst
    for times in asked.values():
        assert len(times) <= granted.burst + 1.05 * granted.rate_per_s * (times[-1] - times[0]) + 1


@pytest.mark.slow
async def test_the_progress_of_a_worker_is_shown_while_it_reads(tmp_path):
    with organization(WORLD) as simulator:
        workers = Workers(simulator, tmp_path)
        scan_id = await workers.begin()
        reader = workers.start("work", scan_id, "--slice", "1/2")
        at, is_frozen = workers.requests + 40, Event()

        def freeze_it(_):
            if workers.requests == at:
                freeze(reader)
                is_frozen.set()

        workers.on_request = freeze_it
        assert await to_thread.run_sync(is_frozen.wait, 120.0)
        async with workers.files() as files:
            shown = await unfinished_scan(Store(files), scan_id)
        wake(reader)
        assert reader.wait(120.0) == 0

        lines = progress_lines(shown)
        assert f"targets   {sum(shown.targets_ended.values())} of 8 ended" in lines[2]
        assert lines[-1].startswith("slice     1/2 has ")
        assert " open; last sign of life" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 5, 9])
async def test_a_finish_that_is_killed_is_run_again(number, tmp_path):
    with organization(WORLD) as simulator:
        workers = Workers(simulator, tmp_path)
        scan_id = await workers.begin()
        assert workers.run("work", scan_id)[0] == 0
        workers.run("finish", scan_id, dies_at_change=number)
        code, life = workers.run("finish", scan_id)
        assert code == 0, life.said
        assert_is_the_truth(await committed(workers, scan_id), simulator.truth())


@pytest.mark.slow
@pytest.mark.parametrize("number", [4, 9])
async def test_workers_of_a_delta_scan_that_are_killed_at_any_change_lose_and_double_nothing(number, tmp_path):
    with organization(WORLD) as simulator:
        workers, truth = Workers(simulator, tmp_path), simulator.truth()
        assert workers.run("scan")[0] == 0
        workers.run("begin", "--mode", "delta")
        async with workers.files() as files:
            (scan_id,) = await Store(files).unfinished()
        workers.operations.clear()
        # The second round gives the nodes their rows: all are read by then.
        killed = []
        for part in ("0/2", "1/2") * 2:
            killed.append(workers.run("work", scan_id, "--slice", part, dies_at_change=number)[0])
            code, life = workers.run("work", scan_id, "--slice", part)
            assert code == 0, life.said
        killed.append(workers.run("finish", scan_id, dies_at_change=number)[0])
        assert killed.count(KILLED) >= 3
        code, life = workers.run("finish", scan_id)
        assert code == 0, life.said
        assert workers.operations[PATCHES] == 0
        found = await committed(workers, scan_id)
        assert {key: row["status"] for key, row in found.nodes.items()} == dict.fromkeys(truth.nodes, "unchanged")
        for key in truth.nodes:
            assert [tuple(patch) for patch in truth.patches_of(*key)] == found.patches.get(key, [])
        assert {row["status"] for row in found.targets.values()} == {"scanned"}


@pytest.mark.slow
async def test_the_same_slice_twice_and_a_worker_that_wakes_up_after_the_commit_do_no_harm(workers):
    workers, truth = workers
    scan_id = await workers.begin()
    frozen = workers.start("work", scan_id, "--slice", "0/2")
    at = workers.requests + 20
    workers.on_request = lambda _: freeze(frozen) if workers.requests == at else None
    twice = [workers.start("work", scan_id, "--slice", part) for part in ("0/2", "1/2", "1/2")]
    for life in twice:
        assert life.wait(120.0) == 0, life.said
    code, life = workers.run("finish", scan_id)
    assert code == 0, life.said
    wake(frozen)
    frozen.wait(120.0)
    assert_is_the_truth(await committed(workers, scan_id), truth)


@pytest.mark.slow
async def test_two_finishes_at_once_commit_once_and_end_alike(workers):
    workers, truth = workers
    scan_id = await workers.begin()
    assert workers.run("work", scan_id)[0] == 0
    lives = [workers.start("finish", scan_id) for _ in range(2)]
    assert [life.wait(180.0) for life in lives] == [0, 0], [life.said for life in lives]
    assert workers.run("finish", scan_id)[0] == 0
    assert_is_the_truth(await committed(workers, scan_id), truth)


@pytest.mark.slow
async def test_a_target_that_kills_its_reader_fails_alone_and_by_name(tmp_path):
    with organization(WORLD) as simulator:
        workers, truth = Workers(simulator, tmp_path), simulator.truth()
        scan_id = await workers.begin()
        poison = sorted(truth.targets)[3]
        lives = []
        workers.on_request = lambda call: (
            lives[-1].kill() if call.operation == LISTING and (call.account_id, call.region) == poison else None
        )
        code = KILLED
        while code == KILLED and len(lives) < 6:
            lives.append(workers.start("work", scan_id))
            code = lives[-1].wait(120.0)
        assert code == 0, lives[-1].said
        assert len(lives) == 5
        assert workers.run("finish", scan_id)[0] == 3
        found = await committed(workers, scan_id)
        assert found.targets[poison]["reason"] == "4 workers ended while they read it"
        assert [key for key, row in found.targets.items() if row["status"] != "scanned"] == [poison]
        assert_rows_are_true(found, truth, among=[key for key in truth.nodes if key[:2] != poison])
        assert not [key for key in found.nodes if key[:2] == poison]


async def test_no_trace_of_workers_is_left_in_a_committed_scan(tmp_path):
    with organization(WORLD) as simulator:
        workers = Workers(simulator, tmp_path)
        scan_id = await workers.begin()
        assert workers.run("work", scan_id)[0] == 0
        assert workers.run("finish", scan_id)[0] == 0
        async with workers.files() as files:
            names = await files.names(f"scans/{scan_id}/")
            held = {entry.name for entry in (await Store(files).manifest(scan_id)).segments}
        assert not [name for name in names if "/open/" in name or "/ended/" in name or name.endswith("plan.json")]
        assert {name for name in names if "/segments/" in name} == held


@pytest.mark.slow
async def test_a_worker_that_is_stopped_says_so_blames_no_target_and_goes_on_later(tmp_path):
    with organization(WORLD) as simulator:
        workers = Workers(simulator, tmp_path)
        scan_id = await workers.begin()
        life = workers.start("work", scan_id)
        at = workers.requests + 30
        workers.on_request = lambda _: life.terminate() if workers.requests == at else None
        assert life.wait(120.0) == 143
        assert f"`patchsweep work {scan_id} --slice 0/1 --store {workers.store}` goes on" in life.said
        async with workers.files() as files:
            assert await files.names(f"scans/{scan_id}/open/") == []
        assert workers.run("work", scan_id)[0] == 0
        assert workers.run("finish", scan_id)[0] == 0
        assert_is_the_truth(await committed(workers, scan_id), simulator.truth())
