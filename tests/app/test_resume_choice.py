"""Which unfinished scan a scheduler's command continues."""

from __future__ import annotations

import time

import pytest
from msgspec import structs

from scanner.app.resume import open_scan
from scanner.app.resume_choice import DAY_MS, NAMED_AT_MOST, choose_scan
from scanner.core.scan_request import LATEST_OR_NEW, request_of
from scanner.core.settings import NodeSettings, PatchSettings, ScopeSettings, Settings
from scanner.store.layout import ScanNames, new_scan_id
from scanner.store.manifest import ScanHeader
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.samples import opened

NIGHTLY = Settings(scope=ScopeSettings(accounts=("organization",), role_name="reader"), mode="delta")


@pytest.fixture
def store():
    return Store(MemoryFiles())


async def unfinished(store, settings=NIGHTLY, *, days_ago=0.0, demo=False):
    started_at = int(time.time() * 1000 - days_ago * DAY_MS)
    scan_id = new_scan_id(started_at)
    await opened(store, scan_id).begin(ScanHeader(scan_id, started_at, "0.1.0", request_of(settings), demo))
    return scan_id


async def chosen(store, settings=NIGHTLY, resume=LATEST_OR_NEW, *, demo=False):
    return await choose_scan(store, settings, resume, demo=demo)


@pytest.mark.parametrize("resume", [None, "latest", "20261123T210611Z-a1b2c3"])
async def test_any_other_wish_is_left_as_it_is(store, resume):
    await unfinished(store)

    assert (await chosen(store, resume=resume)).resume == resume


async def test_without_an_unfinished_scan_a_new_one_is_started(store):
    choice = await chosen(store)

    assert (choice.resume, list(choice.notes)) == (None, [])


async def test_the_newest_unfinished_scan_of_the_same_request_is_continued(store):
    await unfinished(store, days_ago=2)
    newest = await unfinished(store, days_ago=1)

    choice = await chosen(store)

    assert (choice.resume, list(choice.notes)) == (newest, [])


async def test_sinks_speed_and_output_may_change_from_night_to_night(store):
    scan_id = await unfinished(store, structs.replace(NIGHTLY, sinks=("csv:a",)))

    assert (await chosen(store, structs.replace(NIGHTLY, sinks=("csv:b",), log_format="json"))).resume == scan_id


@pytest.mark.parametrize(
    ("then", "word"),
    [
        ({"mode": "full"}, "another mode"),
        ({"scope": ScopeSettings(accounts=("organization",), role_name="other")}, "another scope"),
        ({"nodes": NodeSettings(tags={"Env": ("prod",)})}, "other node filters"),
        ({"patches": PatchSettings(states=("MISSING",))}, "other patch filters"),
    ],
)
async def test_an_unfinished_scan_of_another_request_is_named_with_what_differs(store, then, word):
    scan_id = await unfinished(store, structs.replace(NIGHTLY, **then))

    choice = await chosen(store)

    assert choice.resume is None
    (note,) = choice.notes
    assert scan_id in note
    assert word in note


async def test_a_scan_of_the_demo_is_not_continued_as_one_of_aws(store):
    await unfinished(store, demo=True)

    assert (await chosen(store)).resume is None


async def test_an_unfinished_scan_older_than_a_full_reading_may_be_is_named(store):
    await unfinished(store, days_ago=NIGHTLY.full_scan_every_days + 0.1)

    choice = await chosen(store)

    assert choice.resume is None
    assert "full_scan_every_days" in choice.notes[0]


async def test_a_damaged_scan_does_not_keep_the_night_from_starting(store):
    older = await unfinished(store, days_ago=1)
    damaged = await unfinished(store)
    await store.files.put(ScanNames(damaged).header, b"{")

    choice = await chosen(store)

    assert choice.resume == older
    assert damaged in choice.notes[0]


async def test_only_the_newest_of_many_that_are_left_alone_are_named(store):
    for _ in range(NAMED_AT_MOST + 2):
        await unfinished(store, structs.replace(NIGHTLY, mode="full"))

    assert len((await chosen(store)).notes) == NAMED_AT_MOST


async def test_what_was_chosen_opens_under_the_same_id(store):
    scan_id = await unfinished(store)
    choice = await chosen(store)

    async with open_scan(store, NIGHTLY, choice.resume, demo=False) as scan:
        assert (scan.scan_id, scan.is_resumed) == (scan_id, True)
