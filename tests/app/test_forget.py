"""Forgetting scans: in the store by rules, in sinks on request."""

from __future__ import annotations

import io

import duckdb
import pytest

from scanner.app import run_forget, run_publish
from scanner.core.settings import ScopeSettings, Settings, StoreSettings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.store.retention import KeepRules
from scanner.store.store import Store
from tests.store.samples import STARTED_MS, header, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow
DAY_MS = 24 * 60 * 60 * 1000


async def scanned(settings, day):
    store = Store(LocalFiles(settings.store.location))
    scan_id = store.new_scan_id(STARTED_MS + day * DAY_MS)
    scan = opened(store, scan_id)
    await scan.begin(header(scan_id, settings))
    await scan.add_segment(segment_table(scan_id, [node(1)]))
    await scan.commit(scan_row(scan_id, {}), [outcome()])
    return scan_id


def settings_in(tmp_path, *sinks, accounts=("current",)):
    return Settings(
        scope=ScopeSettings(accounts=accounts), store=StoreSettings(location=str(tmp_path / "store")), sinks=sinks
    )


async def forget(settings, rules, *, dry_run=False, prune_sinks=False):
    return await run_forget(settings, rules, dry_run=dry_run, prune_sinks=prune_sinks, stdout=io.BytesIO())


async def committed(settings):
    return await Store(LocalFiles(settings.store.location)).committed()


async def test_scans_that_no_rule_keeps_are_removed_and_those_of_another_scope_are_counted_apart(tmp_path):
    settings = settings_in(tmp_path)
    other = await scanned(settings_in(tmp_path, accounts=("111111111111",)), 0)
    old, new = [await scanned(settings, day) for day in (1, 2)]

    report = await forget(settings, KeepRules(last=1))

    assert report.removed == [old]
    assert await committed(settings) == [other, new]


async def test_a_dry_run_says_what_would_go_and_removes_nothing(tmp_path):
    settings = settings_in(tmp_path)
    old, new = [await scanned(settings, day) for day in (1, 2)]

    report = await forget(settings, KeepRules(last=1), dry_run=True)

    assert [each.scan_id for each in report.decisions if not each.is_kept] == [old]
    assert (report.removed, await committed(settings)) == ([], [old, new])


async def test_sinks_forget_the_scan_too_where_that_is_asked_for(tmp_path):
    database, folder = tmp_path / "fleet.duckdb", tmp_path / "parquet"
    settings = settings_in(tmp_path, f"duckdb:{database}", f"parquet:{folder}")
    old, new = [await scanned(settings, day) for day in (1, 2)]
    for scan_id in (old, new):
        await run_publish(settings, scan_id, stdout=io.BytesIO())

    report = await forget(settings, KeepRules(last=1), prune_sinks=True)

    assert (report.removed, report.sink_failures) == ([old], {})
    with duckdb.connect(str(database), read_only=True) as connection:
        for table in ("scans", "nodes", "patches", "targets"):
            assert connection.sql(f"SELECT DISTINCT scan_id FROM {table}").fetchall() == [(new,)]
    assert {new in path.name for path in folder.rglob("*.parquet")} == {True}
    assert [path.name for path in (folder / "_published").iterdir()] == [f"{new}.json"]


async def test_a_scan_stays_in_the_store_while_a_sink_cannot_forget_it(tmp_path):
    settings = settings_in(tmp_path, f"jsonl:{tmp_path / 'rows'}")
    old, new = [await scanned(settings, day) for day in (1, 2)]

    report = await forget(settings, KeepRules(last=1), prune_sinks=True)

    assert list(report.sink_failures) == [old]
    assert "cannot remove a single scan" in str(report.sink_failures[old])
    assert (report.removed, await committed(settings)) == ([], [old, new])


async def test_forgetting_what_a_sink_does_not_have_is_no_error(tmp_path):
    settings = settings_in(tmp_path, f"duckdb:{tmp_path / 'none.duckdb'}", f"parquet:{tmp_path / 'none'}")
    old, _ = [await scanned(settings, day) for day in (1, 2)]

    assert (await forget(settings, KeepRules(last=1), prune_sinks=True)).removed == [old]
