"""Machines whose baseline changes back and forth are named; a baseline that was changed once is not."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.model import PatchState
from scanner.files.local import LocalFiles
from scanner.reports.baseline_changes import alternating_baselines_note
from scanner.store.store import Store
from tests.reports.open_store import views_of
from tests.store.samples import STARTED_MS, commit, node

pytestmark = pytest.mark.slow


async def note(folder, *histories, asked=-1):
    """The note on machines with these baselines, one of each machine's a scan; None: the scan does not know it."""
    store, ids = Store(LocalFiles(folder)), []
    for place, baselines in enumerate(zip(*histories, strict=True)):
        nodes = [
            structs.replace(node(number), state=PatchState(f"i-{number}", baseline_id=baseline))
            for number, baseline in enumerate(baselines)
        ]
        ids.append(await commit(store, [nodes], STARTED_MS + place * 60_000))
    async with views_of(store, ids) as views:
        return await alternating_baselines_note(views, ids[asked])


async def test_baselines_that_come_back_are_named(tmp_path):
    said = await note(tmp_path, ["pb-a", "pb-b", "pb-a"], ["pb-a"] * 3, ["pb-a", "pb-a", "pb-b"])

    assert said.startswith("the patch baseline of 1 machine alternates from scan to scan")


@pytest.mark.parametrize(
    "history",
    [["pb-a", "pb-b", "pb-b"], ["pb-a", None, "pb-a"], ["pb-a"], ["pb-a", "pb-b", None]],
    ids=["changed once", "not known meanwhile", "one scan", "without one now"],
)
async def test_other_machines_are_not_named(history, tmp_path):
    assert await note(tmp_path, history) is None


async def test_later_scans_than_the_one_that_is_asked_do_not_count(tmp_path):
    assert await note(tmp_path, ["pb-a", "pb-b", "pb-a"], asked=1) is None
