"""Machines whose baseline changes back and forth are named in the scan; a baseline that was changed once is not."""

from __future__ import annotations

import pytest
from msgspec import structs

from scanner.core.model import NodeStatus, PatchState
from scanner.core.statistics import AlternatingBaselines
from scanner.files.local import LocalFiles
from scanner.store.store import Store
from tests.store.samples import STARTED_MS, commit, node

pytestmark = pytest.mark.slow

TWICE = ["pb-a", "pb-b", "pb-a"]


async def alternating(folder, *histories):
    """What the last scan says of machines with these baselines, one a scan; "-": the scan cannot read it."""
    store, ids = Store(LocalFiles(folder)), []
    for place, baselines in enumerate(zip(*histories, strict=True)):
        at = STARTED_MS + place * 60_000
        nodes = [
            structs.replace(
                node(number, scanned_at=at, status=NodeStatus.FAILED if baseline == "-" else NodeStatus.VERIFIED),
                state=PatchState(f"i-{number}", baseline_id=baseline),
                **({"patches": node(number, 0).patches} if baseline == "-" else {}),
            )
            for number, baseline in enumerate(baselines)
        ]
        ids.append(await commit(store, [nodes], at))
    return (await store.manifest(ids[-1])).statistics.alternating_baselines


async def test_baselines_that_come_back_are_named(tmp_path):
    named = await alternating(tmp_path, TWICE, ["pb-a"] * 3, ["pb-a", "pb-a", "pb-b"], ["pb-a", "pb-b", "pb-c"])

    assert named == AlternatingBaselines(2, ("111111111111/eu-west-1/i-0000", "111111111111/eu-west-1/i-0003"))


@pytest.mark.parametrize(
    "history",
    [
        ["pb-a", "pb-b", "pb-b"],
        ["pb-a", None, "pb-a"],
        ["pb-a"],
        ["pb-a", "pb-b", "pb-a", "-"],
        ["pb-a", "pb-b", *["pb-b"] * 5, "pb-a"],
    ],
    ids=["changed once", "not known meanwhile", "one scan", "not read now", "changed back a week later"],
)
async def test_other_machines_are_not_named(history, tmp_path):
    assert await alternating(tmp_path, history) == AlternatingBaselines()


@pytest.mark.parametrize("gap", ["-", None])
async def test_a_scan_that_does_not_know_the_baseline_does_not_hide_that_it_comes_back(gap, tmp_path):
    assert (await alternating(tmp_path, ["pb-a", "pb-b", gap, "pb-a"])).machines == 1


async def test_few_machines_are_named_and_all_are_counted(tmp_path):
    named = await alternating(tmp_path, *[TWICE] * 5)

    assert (named.machines, len(named.first)) == (5, 3)
