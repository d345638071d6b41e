"""Whether AWS filters before or after it cuts pages: scan and doctor measure it, and a plan is right from then on."""

from __future__ import annotations

import io
import time

import pytest
from msgspec import structs

from scanner.app import run_doctor, run_plan
from scanner.core.filtered_pages import FilteredPages
from scanner.core.settings import PatchSettings
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.store.measurements import MAX_AGE_MS, read_measurement, write_measurement
from scanner.store.store import Store
from tests.faults.nights import nights
from tests.faults.test_lean import AFTER, FIRST
from tests.faults.worlds import organization, scan, settings_for
from tests.store.memory_files import MemoryFiles

WORLD = make_world(accounts=1, regions=1, nodes=90, rows=300, platforms=("amazon-linux-2023",))
CHEAP, COSTLY = FilteredPages(10, 10, 90), FilteredPages(90, 10, 90)
BOTH_WAYS = pytest.mark.parametrize(("faults", "is_cheap"), [(FIRST, True), (AFTER, False)], ids=["first", "after"])


async def measured(folder):
    return await Store(LocalFiles(folder)).filtered_pages(int(time.time() * 1000))


@BOTH_WAYS
async def test_the_doctor_finds_out_with_one_call_and_keeps_it_for_plans(tmp_path, faults, is_cheap):
    settings = settings_for(tmp_path, WORLD)
    with organization(WORLD, faults=faults):
        diagnosis = await run_doctor(settings, demo=False, stdout=io.BytesIO())

    assert diagnosis.filters_are_cheap is is_cheap
    assert (await measured(tmp_path)).is_cheap is is_cheap


@pytest.mark.slow
@BOTH_WAYS
async def test_a_plan_gives_both_bounds_until_a_scan_has_measured_it_and_is_right_then(tmp_path, faults, is_cheap):
    settings = structs.replace(settings_for(tmp_path, WORLD), patches=PatchSettings(states=("MISSING", "FAILED")))
    with organization(WORLD, faults=faults):
        before = await run_plan(settings, demo=False)
        cost = sum(outcome.requests for outcome in (await scan(settings)).outcomes)
        after = await run_plan(settings, demo=False)

    assert (await measured(tmp_path)).is_cheap is is_cheap
    assert cost <= before.most_calls
    assert before.calls == pytest.approx(cost if is_cheap else before.calls, rel=0.1)
    assert before.calls < before.most_calls / 2
    assert after.calls == after.most_calls == pytest.approx(cost, rel=0.1)


@pytest.mark.slow
@BOTH_WAYS
async def test_the_plan_of_a_lean_night_is_within_a_tenth_of_what_it_costs(tmp_path, monkeypatch, faults, is_cheap):
    with nights(WORLD, tmp_path, monkeypatch, faults=faults) as fleet:
        await fleet.scan("lean")
        fleet.next_day()
        await fleet.scan("lean")
        fleet.next_day()
        plan = await run_plan(structs.replace(fleet.settings, mode="lean"), demo=False)
        night = await fleet.scan("lean")

    assert (await measured(tmp_path)).is_cheap is is_cheap
    cost = sum(outcome.requests for outcome in night.result.outcomes)
    assert plan.calls == plan.most_calls == pytest.approx(cost, rel=0.1)


async def test_what_was_measured_is_kept_until_it_is_too_old():
    files = MemoryFiles()
    await write_measurement(files, CHEAP, 1_000)

    assert await read_measurement(files, 1_000 + MAX_AGE_MS) == CHEAP
    assert await read_measurement(files, 1_001 + MAX_AGE_MS) == FilteredPages()


async def test_too_little_to_tell_replaces_nothing():
    files = MemoryFiles()
    await write_measurement(files, COSTLY, 1_000)
    await write_measurement(files, FilteredPages(3, 2, 4), 2_000)

    assert await read_measurement(files, 2_000) == COSTLY


async def test_a_damaged_file_is_as_if_nothing_was_measured():
    files = MemoryFiles()
    await write_measurement(files, CHEAP, 1_000)
    (name,) = files.held
    files.held[name] = files.held[name][:-9]

    assert await read_measurement(files, 1_000) == FilteredPages()
