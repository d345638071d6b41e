"""A bundle of targets as a worker of an engine reads it: twice at once, unwanted halfway, refused, with a bug."""

from __future__ import annotations

import io
from functools import partial
from threading import Event

import pytest
from anyio import create_task_group, to_thread
from msgspec import structs

from scanner.app import run_begin, run_finish
from scanner.app.engines.messages import BundleReport, BundleTask, News, ScanTask, from_text, to_text
from scanner.app.engines.read_bundle import check_worker, read_bundle
from scanner.app.slices import Slice
from scanner.core.errors import ConfigError, CredentialsError
from scanner.core.settings import ScopeSettings
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.store.layout import ScanNames
from scanner.store.store import Store
from tests.faults.worlds import EXTERNAL_ID, assert_is_the_truth, organization, scan, settings_for, stored

pytestmark = pytest.mark.slow

WORLD = make_world(accounts=2, regions=2, nodes=24, rows=30, external_id=EXTERNAL_ID)
WHOLE = (0, 1, 2, 3)
PATCHES = "DescribeInstancePatches"


@pytest.fixture
def simulator(monkeypatch):
    with organization(WORLD) as simulator:
        monkeypatch.setenv("PATCHSWEEP_EXTERNAL_ID", EXTERNAL_ID)
        yield simulator


@pytest.fixture
def settings(tmp_path):
    settings = settings_for(tmp_path / "store", WORLD)
    return structs.replace(settings, store=structs.replace(settings.store, flush_interval_s=0.2))


async def begin(settings):
    begun = await run_begin(settings, resume=None, demo=False, stdout=io.BytesIO())
    return ScanTask.from_settings(begun.scan_id, settings)


async def read(task, targets=WHOLE, *, is_wanted=lambda: True, send=lambda _: None, is_fresh=True):
    """Reads a bundle as Dask does: in a thread, from JSON to JSON."""
    text = to_text(BundleTask(task, Slice(0, 1), targets, is_fresh))
    return from_text(await to_thread.run_sync(partial(read_bundle, text, is_wanted, send)), BundleReport)


async def finish(settings, task):
    return await run_finish(settings, task.scan_id, observers=[], stdout=io.BytesIO())


async def test_a_bundle_that_is_read_twice_at_once_is_committed_once(simulator, settings):
    task = await begin(settings)
    reports, news = [], []

    async def one():
        reports.append(await read(task, send=news.append))

    async with create_task_group() as group:
        group.start_soon(one)
        group.start_soon(one)
    result = await finish(settings, task)

    assert [(report.is_complete, report.failure, len(report.outcomes)) for report in reports] == [(True, None, 4)] * 2
    assert result.scan.status == "complete"
    assert_is_the_truth(await stored(settings.store.location, task.scan_id), simulator.truth())
    assert {outcome.target for text in news for outcome in from_text(text, News).ended} <= {
        outcome.target for outcome in reports[0].outcomes
    }


async def test_bundles_of_one_process_count_each_request_once(simulator, settings):
    sent = []
    simulator.watch(sent.append)
    task = await begin(settings)
    async with create_task_group() as group:
        for targets in ((0, 2), (1, 3)):
            group.start_soon(read, task, targets)
    result = await finish(settings, task)

    assert result.scan.requests == len(sent)
    assert_is_the_truth(await stored(settings.store.location, task.scan_id), simulator.truth())


async def test_bundles_of_a_delta_scan_share_the_rows_that_are_carried_over(simulator, settings):
    await scan(settings)
    settings = structs.replace(settings, mode="delta")
    task = await begin(settings)
    asked = []
    simulator.watch(lambda call: asked.append(call.operation))
    for targets in ((0, 2), (1, 3), ()):
        assert (await read(task, targets)).is_complete
    left = await Store(LocalFiles(settings.store.location)).join_scan(task.scan_id).left_nodes()
    result = await finish(settings, task)

    assert PATCHES not in asked
    assert not any(left.segments().values())
    assert result.scan.nodes["unchanged"] == len(simulator.truth().nodes)
    assert result.scan.patch_rows == simulator.truth().patch_rows


async def test_a_bundle_that_is_not_wanted_any_more_is_stored_so_far_and_goes_on_later(simulator, settings):
    task = await begin(settings)
    asked, is_noticed = [], Event()

    def hold(call):
        asked.append(call.operation)
        if call.operation == PATCHES:
            is_noticed.wait(60.0)

    def is_wanted():
        if PATCHES in asked:
            is_noticed.set()
        return PATCHES not in asked

    simulator.watch(hold)
    report = await read(task, is_wanted=is_wanted)

    assert (report.is_complete, report.failure) == (False, None)
    assert await LocalFiles(settings.store.location).names(ScanNames(task.scan_id).open) == []
    assert (await read(task, is_fresh=False)).is_complete
    await finish(settings, task)
    assert_is_the_truth(await stored(settings.store.location, task.scan_id), simulator.truth())


async def test_a_worker_that_cannot_read_the_scan_says_why_before_it_reads(simulator, settings, tmp_path, monkeypatch):
    task = await begin(settings)
    sent = []
    simulator.watch(sent.append)

    assert await check_worker(to_text(task)) is None
    other = await check_worker(to_text(structs.replace(task, version="9.9")))
    assert "and the scan is run by 9.9: install the same version on both" in other
    elsewhere = structs.replace(task, store=structs.replace(task.store, location=str(tmp_path / "elsewhere")))
    assert "does not see the scan in the store" in await check_worker(to_text(elsewhere))
    monkeypatch.delenv("PATCHSWEEP_EXTERNAL_ID")
    assert "give it again with PATCHSWEEP_EXTERNAL_ID" in await check_worker(to_text(task))
    assert not sent
    assert not (tmp_path / "elsewhere").exists()


async def test_a_worker_of_another_version_that_came_later_reads_nothing(simulator, settings):
    task = await begin(settings)
    sent = []
    simulator.watch(sent.append)
    report = await read(structs.replace(task, version="9.9"))

    assert isinstance(report.failure.to_error(), ConfigError)
    assert report.failure.text.startswith("a worker has patchsweep ")
    assert not sent


async def test_an_error_keeps_its_exit_code_on_the_way_back(simulator, settings, monkeypatch):
    task = await begin(settings)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, "wrong")
    report = await read(task)

    assert isinstance(report.failure.to_error(), CredentialsError)
    assert not report.is_complete


async def test_what_is_given_to_a_worker_holds_no_secret(simulator, settings):
    secrets = [EXTERNAL_ID, *(simulator.environment()[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"))]
    named = structs.replace(
        settings, sinks=(f"csv:{settings.store.location}",), scope=ScopeSettings(external_id=EXTERNAL_ID)
    )
    text = to_text(BundleTask(ScanTask.from_settings("20261125T221024Z-a1b2c3", named), Slice(0, 1), WHOLE, True))

    assert settings.store.location in text
    assert not [secret for secret in secrets if secret in text]
