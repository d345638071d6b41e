"""Sinks that fail or hang: the store and the other sinks are right, the scan names them, and `publish` repairs them."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial

import anyio
import psycopg
import pytest
from msgspec import structs

from scanner.app import run_publish
from scanner.cli.exit_codes import scan_exit_code
from scanner.core.errors import SinkError, StoreError
from scanner.core.interfaces import Observer
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.store.store import Store
from tests.faults.worlds import LIMITS, assert_is_the_truth, organization, scan, settings_for, stored
from tests.sinks.plugins import distribution

WORLD = make_world(accounts=2, regions=1, nodes=24, rows=40)
SINK = """
import anyio

class Sink:
    api_version = 1

    def __init__(self, where, context):
        kind, self.call, self.how = where.split("/")
        self.live = kind == "live"

    async def _act(self, call):
        if call == self.call and self.how == "fails":
            raise RuntimeError("the table is locked")
        if call == self.call:
            await anyio.sleep_forever()

    async def write(self, batch):
        await self._act("write")

    async def commit(self, scan):
        await self._act("commit")

    async def aclose(self):
        await self._act("aclose")
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A distribution whose sink `bad:KIND/CALL/HOW` fails or hangs in that call."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    distribution(folder, "bad-sinks", {"bad": "bad_sinks:Sink"}, {"bad_sinks": SINK})
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop("bad_sinks", None)


def rows_of(folder):
    return {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for name in ("nodes", "patches", "targets", "scans")
    }


def assert_sink_is_the_truth(folder, scan_id, truth):
    rows = rows_of(folder)
    assert sorted((row["account_id"], row["region"], row["instance_id"]) for row in rows["nodes"]) == sorted(
        truth.nodes
    )
    assert len(rows["patches"]) == truth.patch_rows
    assert [row["scan_id"] for row in rows["scans"]] == [scan_id]
    assert len(rows["targets"]) == len(truth.targets)


@pytest.mark.parametrize("kind", ["live", "replayed"])
@pytest.mark.parametrize(
    ("call", "how"),
    [("write", "fails"), ("write", "hangs"), ("commit", "fails"), ("commit", "hangs"), ("aclose", "fails")],
)
async def test_a_sink_that_does_not_work_is_named_and_spoils_nothing(kind, call, how, plugin, tmp_path):
    bad = f"bad:{kind}/{call}/{how}"
    settings = structs.replace(
        settings_for(tmp_path / "store", WORLD), sinks=(bad, f"jsonl:{tmp_path / 'good'}"), sink_timeout_s=0.3
    )
    with organization(WORLD) as simulator:
        finished = await scan(settings)
        truth = simulator.truth()
        assert_is_the_truth(await stored(tmp_path / "store", finished.scan.scan_id), truth)
    assert_sink_is_the_truth(tmp_path / "good", finished.scan.scan_id, truth)
    assert list(finished.sink_failures) == [bad]
    reason = finished.sink_failures[bad]
    assert ("bad-sinks" in reason and "locked" in reason) if how == "fails" else "was dropped" in reason
    assert scan_exit_code(finished.scan, finished.sink_failures) == 3


PATCHES = "DescribeInstancePatches"


async def test_a_sink_that_failed_is_repaired_from_the_store_and_publishing_twice_leaves_the_scan_once(tmp_path):
    place = tmp_path / "out"
    in_the_way = place / "nodes.jsonl" / "a folder"
    settings = structs.replace(settings_for(tmp_path / "store", WORLD), sinks=(f"jsonl:{place}",))
    with organization(WORLD) as simulator:
        # Not before the scan: a sink that cannot be used is refused then.
        simulator.watch(lambda call: call.operation == PATCHES and in_the_way.mkdir(parents=True, exist_ok=True))
        finished = await scan(settings)
        truth, requests = simulator.truth(), simulator.stats.requests()
        assert list(finished.sink_failures) == [f"jsonl:{place}"]
        shutil.rmtree(place / "nodes.jsonl")
        for _ in range(2):
            report = await run_publish(settings, finished.scan.scan_id, stdout=io.BytesIO())
            assert report.failures == {}
            assert_sink_is_the_truth(place, finished.scan.scan_id, truth)
        assert simulator.stats.requests() == requests


def make_a_foreign_table(database):
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE nodes (number bigint)")


class AtTheFirstNode(Observer):
    """Does something once, when the sinks were tried and the scan is under way."""

    def __init__(self, act):
        self._acts = [act]

    def node_ended(self, scan):
        if self._acts:
            self._acts.pop()()


@pytest.mark.database
async def test_a_database_that_would_refuse_the_scan_at_its_end_stops_it_before_the_first_node(database, tmp_path):
    settings = structs.replace(settings_for(tmp_path / "store", WORLD), sinks=(database,))
    make_a_foreign_table(database)
    with organization(WORLD) as simulator:
        with pytest.raises(SinkError, match=r"nothing was read.*has no column scan_id"):
            await scan(settings)
        assert simulator.stats.requests("DescribeInstancePatches") == 0
    assert not list((tmp_path / "store").rglob("*.json"))


@pytest.mark.parametrize("call", ["write", "commit"])
async def test_a_plugin_without_a_probe_is_opened_only(call, plugin, tmp_path):
    settings = structs.replace(settings_for(tmp_path / "store", WORLD), sinks=(f"bad:live/{call}/fails",))
    with organization(WORLD):
        finished = await scan(settings)
    assert list(finished.sink_failures) == list(settings.sinks)


async def test_a_store_that_cannot_be_listed_stops_the_scan_before_the_first_node(tmp_path, monkeypatch):
    async def names(self, prefix=""):
        raise StoreError("listing is denied")

    monkeypatch.setattr(LocalFiles, "names", names)
    with organization(WORLD) as simulator:
        with pytest.raises(StoreError, match="listing is denied"):
            await scan(settings_for(tmp_path / "store", WORLD))
        assert simulator.stats.requests() == 0


async def test_a_database_that_took_no_scan_is_repaired_from_the_store(database, tmp_path):
    settings = structs.replace(settings_for(tmp_path / "store", WORLD), sinks=(database,))
    with organization(WORLD) as simulator:
        finished = await scan(settings, observers=[AtTheFirstNode(partial(make_a_foreign_table, database))])
        truth = simulator.truth()
        assert_is_the_truth(await stored(tmp_path / "store", finished.scan.scan_id), truth)
    ((sink, reason),) = finished.sink_failures.items()
    assert "the table public.nodes has no column scan_id" in reason
    assert "hush" not in sink + reason

    with psycopg.connect(database) as connection:
        connection.execute("DROP TABLE nodes")
    for _ in range(2):
        assert (await run_publish(settings, finished.scan.scan_id, stdout=io.BytesIO())).failures == {}
    with psycopg.connect(database) as connection:
        nodes = connection.execute("SELECT account_id, region, instance_id FROM nodes").fetchall()
        assert sorted(nodes) == sorted(truth.nodes)
        assert connection.execute("SELECT count(*) FROM patches").fetchall() == [(truth.patch_rows,)]
        assert connection.execute("SELECT scan_id FROM scans").fetchall() == [(finished.scan.scan_id,)]


def test_a_reader_of_stdout_that_has_stopped_reading_does_not_keep_a_scan_from_being_stopped(tmp_path):
    folder = tmp_path / "store"
    world = make_world(accounts=2, regions=1, nodes=400, rows=40)
    command = [sys.executable, "-m", "scanner", "scan", "--accounts", "organization", "--regions", "enabled"]
    command += ["--role-name", world.role_name, "--store", str(folder), "--sink", "jsonl:-"]
    with organization(world) as simulator:
        environment = {
            **os.environ,
            "PATCHSWEEP_RATE": str(LIMITS.rate_per_s),
            "PATCHSWEEP_MAX_RATE": str(LIMITS.max_rate_per_s),
            "PATCHSWEEP_FLUSH_ROWS": "500",
        }
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            # One line of a batch that is larger than the pipe: the writer is stuck in the middle of it now.
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            said = process.stderr.read().decode()
        assert "stopped; resume with `patchsweep scan --resume" in said

        async def go_on():
            (scan_id,) = await Store(LocalFiles(folder)).unfinished()
            await scan(settings_for(folder, world), resume=scan_id)
            assert_is_the_truth(await stored(folder, scan_id), simulator.truth())

        anyio.run(go_on)
