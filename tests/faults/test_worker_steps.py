"""The three parts of a scan that workers read, and what each of them refuses."""

from __future__ import annotations

import io
import json
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from scanner.app import run_begin, run_finish, run_work
from scanner.cli.exit_codes import scan_exit_code
from scanner.cli.scans_progress import progress_lines, unfinished_scan
from scanner.core.errors import ConfigError, Interrupted, PatchsweepError, ScanNotFound, StoreBusy, StoreError
from scanner.core.interfaces import Observer
from scanner.core.settings import ScopeSettings
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.sinks.parquet.sink import ParquetSink
from scanner.store.layout import ScanNames
from scanner.store.open_targets import OpenTarget, OpenTargets, write_open
from scanner.store.store import Store
from tests.faults.worlds import EXTERNAL_ID, assert_is_the_truth, organization, scan, settings_for, stored

WORLD = make_world(accounts=2, regions=2, nodes=24, rows=30, external_id=EXTERNAL_ID)
PATCHES = "DescribeInstancePatches"

pytestmark = pytest.mark.slow


@pytest.fixture
def simulator():
    with organization(WORLD) as simulator:
        yield simulator


@pytest.fixture
def settings(tmp_path):
    settings = settings_for(tmp_path / "store", WORLD)
    return structs.replace(settings, store=structs.replace(settings.store, flush_interval_s=0.2))


async def begin(settings, resume=None):
    return (await run_begin(settings, resume=resume, demo=False, stdout=io.BytesIO())).scan_id


async def work(settings, scan_id, part="0/1", observers=()):
    return await run_work(settings, scan_id, part, observers=observers)


async def finish(settings, scan_id):
    result = await run_finish(settings, scan_id, observers=[], stdout=io.BytesIO())
    return result, scan_exit_code(result.scan, result.sink_failures)


def folder(settings) -> Path:
    return Path(settings.store.location)


async def test_a_slice_that_nobody_ran_is_unfinished_and_the_rest_is_committed(simulator, settings):
    scan_id = await begin(settings)
    report = await work(settings, scan_id, "1/2")
    result, code = await finish(settings, scan_id)

    assert (report.targets, code) == (2, 3)
    reasons = {outcome.reason for outcome in result.outcomes if outcome.status == "unfinished"}
    assert reasons == {"no worker has read it to its end"}
    assert sum(outcome.status == "scanned" for outcome in result.outcomes) == 2
    assert (await finish(settings, scan_id))[1] == code
    assert (await work(settings, scan_id, "0/2")).is_committed


async def test_a_sink_that_takes_several_batches_at_a_time_gets_them_from_what_workers_stored(
    simulator, settings, tmp_path, monkeypatch
):
    write, together = ParquetSink.write, anyio.Event()
    running = most = 0

    async def counted(self, batch):
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == ParquetSink.writes_at_once:
            together.set()
        with anyio.fail_after(60.0):
            await together.wait()
        await write(self, batch)
        running -= 1

    monkeypatch.setattr(ParquetSink, "write", counted)
    scan_id = await begin(structs.replace(settings, sinks=(f"parquet:{tmp_path}/tables",)))
    for part in ("0/2", "1/2"):
        await work(settings, scan_id, part)
    result, code = await finish(settings, scan_id)

    assert code == 0
    assert most == ParquetSink.writes_at_once > 1
    published = pq.read_table(tmp_path / "tables" / "patches")
    assert len(published) == result.scan.patch_rows == simulator.truth().patch_rows


async def test_a_scan_of_which_no_worker_has_read_anything_is_not_committed_and_may_still_be_read(simulator, settings):
    scan_id = await begin(settings)
    with pytest.raises(PatchsweepError, match=f"nothing was committed: run `patchsweep work {scan_id} --store "):
        await finish(settings, scan_id)
    assert not await Store(LocalFiles(folder(settings))).is_committed(scan_id)

    await work(settings, scan_id)
    assert (await finish(settings, scan_id))[1] == 0


async def test_a_slice_that_is_run_late_makes_the_scan_whole(simulator, settings):
    sent = []
    simulator.watch(lambda call: sent.append(call.operation))
    scan_id = await begin(settings)
    for part in ("1/2", "1/2", "0/2"):
        await work(settings, scan_id, part)
    result, code = await finish(settings, scan_id)

    assert code == 0
    assert_is_the_truth(await stored(folder(settings), scan_id), simulator.truth())
    assert result.missing == (await finish(settings, scan_id))[0].missing
    assert result.scan.requests == len(sent)


def counts(result):
    return (
        *(result.scan.nodes, result.scan.targets, result.scan.patch_rows, result.scan.status),
        *(result.missing, result.failed, result.lacking_by_account, result.node_gaps_by_cause),
        *(result.stale, result.oldest_installed),
    )


@pytest.mark.parametrize("mode", ["full", "lean"])
async def test_the_result_is_that_of_one_process(mode, simulator, settings, tmp_path):
    alone = settings_for(tmp_path / "alone", WORLD)
    if mode == "lean":
        for each in (settings, alone):
            await scan(each)
        simulator.rescan_nodes()
    scan_id = await begin(structs.replace(settings, mode=mode))
    await work(settings, scan_id)
    by_workers, _ = await finish(settings, scan_id)

    assert counts(by_workers) == counts(await scan(structs.replace(alone, mode=mode)))
    assert (by_workers.oldest_installed is not None) == (mode == "lean")


@pytest.mark.parametrize("kind", ["segments", "patches"])
async def test_a_segment_that_is_lost_before_the_end_is_missed_and_its_targets_are_named(kind, simulator, settings):
    scan_id = await begin(settings)
    await work(settings, scan_id)
    files = LocalFiles(folder(settings))
    names = await files.names(getattr(ScanNames(scan_id), kind))
    await files.delete(names[:1])

    with pytest.raises(StoreError, match=r"lacks nodes that were read of \d{12}/.*nothing was committed"):
        await finish(settings, scan_id)
    assert not await Store(files).is_committed(scan_id)

    await work(settings, scan_id)
    assert (await finish(settings, scan_id))[1] == 0
    assert_is_the_truth(await stored(folder(settings), scan_id), simulator.truth())


class Bug(Observer):
    """Fails as code with a bug does, when this target is opened."""

    def __init__(self, target) -> None:
        self._target = target

    def target_opened(self, target, counts) -> None:
        if (target.account_id, target.region) == self._target:
            raise ZeroDivisionError


async def test_a_target_on_which_a_bug_ends_four_workers_fails_alone(simulator, settings):
    truth = simulator.truth()
    poison = sorted(truth.targets)[1]
    scan_id = await begin(settings)
    for _ in range(4):
        with pytest.raises(ExceptionGroup):
            await work(settings, scan_id, observers=[Bug(poison)])
    await work(settings, scan_id, observers=[Bug(poison)])
    result, code = await finish(settings, scan_id)

    assert code == 3
    failed = [outcome for outcome in result.outcomes if outcome.status != "scanned"]
    assert [(each.target.account_id, each.target.region) for each in failed] == [poison]
    assert failed[0].reason == "4 workers ended while they read it"


async def test_a_target_that_was_given_up_is_tried_again_once_the_scan_is_planned_again(simulator, settings):
    poison = sorted(simulator.truth().targets)[1]
    scan_id = await begin(settings)
    for _ in range(4):
        with pytest.raises(ExceptionGroup):
            await work(settings, scan_id, observers=[Bug(poison)])
    await work(settings, scan_id, observers=[Bug(poison)])
    files = LocalFiles(folder(settings))
    for name in await files.names(ScanNames(scan_id).open):
        make_old(folder(settings) / name)

    assert await begin(settings, resume=scan_id) == scan_id
    await work(settings, scan_id)
    assert (await finish(settings, scan_id))[1] == 0


def make_old(path: Path) -> None:
    """Makes a file of the store an hour old."""
    os.utime(path, (path.stat().st_mtime - 3600,) * 2)


async def test_a_scan_is_not_planned_again_while_workers_read_it(simulator, settings):
    scan_id = await begin(settings)
    await write_open(LocalFiles(folder(settings)), ScanNames(scan_id), OpenTargets("aaaaaaaa", "0/2", 1, 5.0))

    with pytest.raises(StoreBusy, match=r"a worker reads slice 0/2 of the scan .*: wait until all workers have ended"):
        await begin(settings, resume=scan_id)


@pytest.mark.parametrize("mode", ["delta", "lean"])
async def test_workers_carry_over_what_has_not_changed(mode, simulator, settings):
    await scan(settings)
    later = structs.replace(settings, mode=mode)
    read = []
    simulator.watch(lambda call: read.append(call.operation))
    scan_id = await begin(later)
    for part in ("0/2", "1/2"):
        await work(settings, scan_id, part)
    result, code = await finish(settings, scan_id)

    assert code == 0
    assert read.count(PATCHES) == 0
    assert result.scan.nodes["unchanged"] == len(simulator.truth().nodes)
    if mode == "delta":  # lean leaves out what is not applicable
        assert result.scan.patch_rows == simulator.truth().patch_rows


async def test_a_worker_that_has_nothing_left_to_read_does_not_say_that_every_node_was_read(simulator, settings):
    await scan(settings)
    scan_id = await begin(structs.replace(settings, mode="lean"))
    for part in ("0/1", "0/1", "8/9"):  # the second has ended targets only, the third none at all
        await work(settings, scan_id, part)
    result, _ = await finish(settings, scan_id)

    assert list(result.notes) == []


async def test_targets_that_no_earlier_scan_holds_are_counted_in_a_note(simulator, settings):
    scan_id = await begin(structs.replace(settings, mode="lean"))
    await work(settings, scan_id, "0/4")
    result, _ = await finish(settings, scan_id)

    (note,) = result.notes
    assert note.endswith("holds nodes read in the last 7 days, so every node of 1 target was read")


async def test_nothing_secret_lies_in_the_files_of_an_unfinished_scan(simulator, settings):
    scan_id = await begin(settings)
    seen = []

    class Looking(Observer):
        def node_ended(self, scan) -> None:
            seen.extend(path.read_bytes() for path in folder(settings).rglob("*") if path.is_file())

    await work(settings, scan_id, observers=[Looking()])
    seen += [path.read_bytes() for path in folder(settings).rglob("*") if path.is_file()]
    secrets = [EXTERNAL_ID, *(simulator.environment()[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"))]
    assert any(b'"slice": "0/1"' in data for data in seen)
    assert not [secret for secret in secrets for data in seen if secret.encode() in data]


async def test_a_worker_needs_the_external_id_that_the_store_does_not_keep(simulator, settings):
    scan_id = await begin(settings)
    without = structs.replace(settings, scope=ScopeSettings())

    with pytest.raises(ConfigError, match="give it again with PATCHSWEEP_EXTERNAL_ID"):
        await work(without, scan_id)
    await work(structs.replace(without, scope=ScopeSettings(external_id=EXTERNAL_ID)), scan_id)
    assert (await finish(without, scan_id))[1] == 0


async def test_a_sink_that_is_fed_while_nodes_arrive_is_refused_before_anything_is_read(simulator, settings):
    with pytest.raises(ConfigError, match="the sink jsonl:- is fed while nodes arrive"):
        await begin(structs.replace(settings, sinks=("jsonl:-",)))
    assert await Store(LocalFiles(folder(settings))).unfinished() == []


async def test_the_sinks_of_the_beginning_get_the_scan_unless_others_are_named(simulator, settings, tmp_path):
    scan_id = await begin(structs.replace(settings, sinks=(f"csv:{tmp_path / 'csv'}",)))
    await work(settings, scan_id)
    await finish(settings, scan_id)

    assert (tmp_path / "csv" / "nodes.csv").exists()


async def test_scans_that_cannot_be_worked_on_are_refused_in_a_sentence(simulator, settings):
    with pytest.raises(ScanNotFound):
        await work(settings, "20200101T000000Z-000000")
    with pytest.raises(ScanNotFound):
        await finish(settings, "../..")
    scan_id = await begin(settings)
    await LocalFiles(folder(settings)).delete([ScanNames(scan_id).plan])
    with pytest.raises(ConfigError, match=f"write one with `patchsweep begin --resume {scan_id} --store "):
        await work(settings, scan_id)
    with pytest.raises(ConfigError, match="has no plan"):
        await finish(settings, scan_id)
    assert await begin(settings, resume=scan_id) == scan_id


async def test_a_finish_that_waits_for_another_is_stopped_before_it_commits(simulator, settings, monkeypatch):
    scan_id = await begin(settings)
    await work(settings, scan_id)

    @asynccontextmanager
    async def held_by_another(self, scan_id):
        os.kill(os.getpid(), signal.SIGTERM)
        raise StoreBusy("another process has it")
        yield

    monkeypatch.setattr("scanner.app.finish.BUSY_PATIENCE_S", 3.0)
    with monkeypatch.context() as busy:
        busy.setattr(Store, "open_scan", held_by_another)
        with pytest.raises(Interrupted, match=f"run `patchsweep finish {scan_id} --store "):
            await finish(settings, scan_id)

    assert not await Store(LocalFiles(folder(settings))).is_committed(scan_id)
    assert (await finish(settings, scan_id))[1] == 0


async def test_the_plan_has_the_largest_targets_of_the_last_scan_first(simulator, settings):
    await scan(settings)
    scan_id = await begin(settings)
    plan = json.loads((folder(settings) / ScanNames(scan_id).plan).read_text())
    sizes = [each["size"] for each in plan["targets"]]

    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == simulator.truth().patch_rows


async def test_a_scan_is_begun_twice_under_one_id(simulator, settings):
    scan_id = "20261125T221024Z-a1b2c3"

    async def begin_under(an_id):
        return await run_begin(settings, resume=None, demo=False, stdout=io.BytesIO(), scan_id=an_id)

    assert [(await begin_under(scan_id)).targets for _ in range(2)] == [4, 4]
    await work(settings, scan_id)
    assert (await finish(settings, scan_id))[1] == 0
    assert (await begin_under(scan_id)).notes == [f"the scan {scan_id} is committed already"]
    with pytest.raises(ConfigError, match="is no scan id"):
        await begin_under("tonight")


async def test_the_progress_of_workers_is_seen_while_they_read(simulator, settings):
    scan_id = await begin(settings)
    store = Store(LocalFiles(folder(settings)))
    await work(settings, scan_id, "0/2")
    await write_open(
        store.files, ScanNames(scan_id), OpenTargets("aaaaaaaa", "1/2", 1, 5.0, (OpenTarget("1" * 12, "eu-west-1", 0),))
    )
    shown = await unfinished_scan(store, scan_id)

    assert (shown.targets, shown.targets_ended) == (4, {"scanned": 2})
    assert "targets   2 of 4 ended: 2 scanned" in progress_lines(shown)
    assert "slice     1/2 has 111111111111/eu-west-1 open; last sign of life" in progress_lines(shown)[-1]
    assert await unfinished_scan(store, "20200101T000000Z-000000") is None


async def test_one_process_can_go_on_where_workers_have_stopped(simulator, settings):
    scan_id = await begin(settings)
    await work(settings, scan_id, "0/2")
    ended = set((await Store(LocalFiles(folder(settings))).join_scan(scan_id).prepare_resume()).ended)
    listed = []
    simulator.watch(
        lambda call: (
            listed.append((call.account_id, call.region)) if call.operation == "DescribeInstanceInformation" else None
        )
    )
    result = await scan(settings, resume=scan_id)

    assert (result.scan.scan_id, result.scan.status) == (scan_id, "complete")
    assert len(ended) == 2
    assert not ended & set(listed)
    assert_is_the_truth(await stored(folder(settings), scan_id), simulator.truth())
