"""Which committed scan `latest` means."""

from __future__ import annotations

import pytest

from scanner.core.comparable import comparable_part, filters_text, scope_text
from scanner.core.errors import ScanNotFound
from scanner.core.scan_request import request_of
from scanner.core.settings import NodeSettings, PatchSettings, ScopeSettings, Settings
from scanner.core.tables import segment_table
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.samples import STARTED_MS, header, node, opened, outcome, scan_row

DAY_MS = 24 * 60 * 60 * 1000
EVERYTHING = Settings(scope=ScopeSettings(accounts=("organization",), regions=("enabled",), role_name="reader"))
ONE_ACCOUNT = Settings(scope=ScopeSettings(accounts=("111111111111",)))
CRITICAL = Settings(patches=PatchSettings(severities=("Critical",)))


async def scanned(store, day, settings, nodes=1):
    scan_id = store.new_scan_id(STARTED_MS + day * DAY_MS)
    scan = opened(store, scan_id)
    await scan.begin(header(scan_id, settings))
    await scan.add_segment(segment_table(scan_id, [node(number) for number in range(nodes)]))
    await scan.commit(scan_row(scan_id, {}), [outcome()])
    return scan_id


async def test_the_latest_scan_is_the_newest_of_the_scope_that_the_settings_name():
    store = Store(MemoryFiles())
    nightly = await scanned(store, 0, EVERYTHING)
    await scanned(store, 1, ONE_ACCOUNT)
    other_role = Settings(scope=ScopeSettings(accounts=("organization",), regions=("enabled",), role_name="other"))

    assert (await store.choose(None, EVERYTHING)).scan_id == nightly
    assert (await store.choose("latest", other_role)).scan_id == nightly


async def test_an_id_is_that_scan_whatever_its_scope():
    store = Store(MemoryFiles())
    asked = await scanned(store, 0, ONE_ACCOUNT)
    await scanned(store, 1, EVERYTHING)

    assert await store.choose(asked, EVERYTHING) == await store.choose(asked, Settings())


async def test_without_a_scope_the_newest_scan_is_taken_and_a_wider_one_of_the_last_days_is_named():
    store = Store(MemoryFiles())
    wider = await scanned(store, 0, EVERYTHING, nodes=5)
    newest = await scanned(store, 2, ONE_ACCOUNT)

    chosen = await store.choose(None, Settings())

    assert chosen.scan_id == newest
    assert (
        chosen.note
        == f"the newest scan, {newest}, has 1 nodes; scan {wider} of 2026-09-21, of another scope or filters, has 5"
    )


async def test_a_wider_scan_of_last_week_or_a_smaller_one_is_not_named():
    store = Store(MemoryFiles())
    await scanned(store, 0, EVERYTHING, nodes=5)
    await scanned(store, 8, CRITICAL)
    newest = await scanned(store, 9, ONE_ACCOUNT)

    assert await store.choose(None, Settings()) == type(await store.choose(None, Settings()))(newest)


async def test_a_scope_that_no_scan_has_is_refused_with_what_there_is():
    store = Store(MemoryFiles())
    newest = await scanned(store, 0, ONE_ACCOUNT)

    with pytest.raises(ScanNotFound, match=f"organization, enabled.*{newest}.*patchsweep scans"):
        await store.choose(None, EVERYTHING)


async def test_the_scan_before_is_the_newest_of_the_same_scope_and_filters():
    store = Store(MemoryFiles())
    first = await scanned(store, 0, EVERYTHING)
    await scanned(store, 1, CRITICAL)
    last = await scanned(store, 2, EVERYTHING)

    assert await store.newest_before(last) == first
    assert await store.newest_before(first) is None


def test_scope_and_filters_read_like_options():
    settings = Settings(
        scope=ScopeSettings(
            accounts=("organization",), regions=("us-east-1", "eu-west-1"), exclude_accounts=("111111111111",)
        ),
        nodes=NodeSettings(tags={"Team": ("web", "db")}, tag_keys=("Team",)),
        patches=PatchSettings(states=("MISSING",)),
    )
    part = comparable_part(request_of(settings), demo=False)

    assert scope_text(part) == "organization, eu-west-1, us-east-1, not 111111111111"
    assert filters_text(part) == "tag:Team=db,web; states=MISSING"
    assert scope_text(comparable_part(request_of(Settings()), demo=True)) == "demo, current"
