"""Runs killed at any moment: resumed, they hold the truth, and read nothing twice that was stored."""

from __future__ import annotations

import json
import os
from collections import Counter
from random import Random

import msgspec
import pytest

from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.store.done_nodes import DoneNodes
from scanner.store.store import Store
from tests.faults.lives import KILLED, Life
from tests.faults.worlds import LIMITS, assert_is_the_truth, organization, stored
from tests.store.samples import opened

WORLD = make_world(accounts=2, regions=2, nodes=60, rows=30)
PATCHES = "DescribeInstancePatches"
REQUESTS = 104  # what a whole scan sends, 31 of them to the sources beside the nodes and patches


class Scans:
    """The lives of one scan over one simulated organization."""

    def __init__(self, simulator, folder):
        self._simulator = simulator
        self.folder = folder
        self.sink = folder.parent / "sink"
        self.read = Counter()
        self.listed = set()
        self._kill_at = 0
        self.requests = 0
        self._life = None
        simulator.watch(self._watch)

    def _watch(self, call):
        self.requests += 1
        if call.operation == PATCHES:
            self.read[msgspec.json.decode(call.body)["InstanceId"]] += 1
        if call.operation == "DescribeInstanceInformation":
            self.listed.add((call.account_id, call.region))
        if self.requests == self._kill_at:
            self._life.kill()

    def live(self, *argv, dies_at_request=0, dies_at_change=0):
        """One life; gives its exit code and the life."""
        self.requests, self._kill_at = 0, dies_at_request
        environment = {
            "PATH": os.environ["PATH"],
            **self._simulator.environment(),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PATCHSWEEP_STORE": str(self.folder),
            "PATCHSWEEP_SINK": f"jsonl:{self.sink}",
            "PATCHSWEEP_ACCOUNTS": "organization",
            "PATCHSWEEP_REGIONS": "enabled",
            "PATCHSWEEP_ROLE_NAME": WORLD.role_name,
            "PATCHSWEEP_RATE": str(LIMITS.rate_per_s),
            "PATCHSWEEP_MAX_RATE": str(LIMITS.max_rate_per_s),
            "PATCHSWEEP_BURST": str(LIMITS.burst),
            "PATCHSWEEP_MAX_OPEN_TARGETS": "1",
            "PATCHSWEEP_FLUSH_ROWS": "90",
        }
        self._life = Life(argv, environment, self.folder, dies_at_change)
        return self._life.wait(), self._life

    async def resume(self, **dies):
        """Go on with the scan, or begin it where nothing of it was stored; None: it was committed before it died."""
        store = Store(LocalFiles(self.folder))
        if await store.committed():
            return None
        unfinished = await store.unfinished()
        done = await opened(store, unfinished[-1]).prepare_resume() if unfinished else DoneNodes({}, [])
        self.read.clear()
        self.listed.clear()
        ended = self.live("scan", *(["--resume"] if unfinished else []), **dies)
        for target in done.targets.values():
            assert not target.instance_ids & set(self.read)
        assert not set(done.ended) & self.listed
        return ended

    async def assert_is_whole(self, truth):
        """The store holds the truth, and so does the sink, each node once."""
        (scan_id,) = await Store(LocalFiles(self.folder)).committed()
        assert_is_the_truth(await stored(self.folder, scan_id), truth)
        rows = [json.loads(line) for line in (self.sink / "nodes.jsonl").read_text().splitlines()]
        assert sorted((row["account_id"], row["region"], row["instance_id"]) for row in rows) == sorted(truth.nodes)
        with (self.sink / "patches.jsonl").open() as patches:
            assert sum(1 for _ in patches) == truth.patch_rows


@pytest.fixture
def scans(tmp_path):
    with organization(WORLD) as simulator:
        yield Scans(simulator, tmp_path / "store"), simulator.truth()


async def test_a_life_that_is_not_killed_is_whole(scans):
    scans, truth = scans
    code, life = scans.live("scan")
    assert code == 0, life.said
    await scans.assert_is_whole(truth)
    assert life.changes > 45
    assert scans.requests == REQUESTS


@pytest.mark.parametrize("number", range(2, REQUESTS, 12))
async def test_a_run_killed_at_a_request_is_resumed_to_the_truth(number, scans):
    scans, truth = scans
    assert scans.live("scan", dies_at_request=number)[0] == KILLED
    code, life = await scans.resume()
    assert code == 0, life.said
    await scans.assert_is_whole(truth)
    assert max(scans.read.values()) == 1


@pytest.mark.parametrize("number", range(1, 67, 7))
async def test_a_run_killed_at_a_change_to_its_store_is_resumed_to_the_truth(number, scans):
    scans, truth = scans
    scans.live("scan", dies_at_change=number)
    ended = await scans.resume()
    # Where it was committed before it died, only its sinks are owed the scan.
    assert (ended or scans.live("publish"))[0] == 0
    await scans.assert_is_whole(truth)


@pytest.mark.parametrize("seed", range(5))
async def test_a_run_killed_again_and_again_is_resumed_to_the_truth(seed, scans):
    scans, truth = scans
    seeded_random = Random(seed)
    kills = 0
    for _ in range(6):
        moment = {seeded_random.choice(["dies_at_request", "dies_at_change"]): seeded_random.randrange(2, 20)}
        ended = await scans.resume(**moment)
        kills += ended is not None and ended[0] == KILLED
    ended = await scans.resume()
    assert kills >= 4
    assert (ended or scans.live("publish"))[0] == 0
    await scans.assert_is_whole(truth)
