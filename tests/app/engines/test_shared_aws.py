"""What the bundles of one worker process share of AWS."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest

from scanner.app.engines.shared_aws import SharedAws
from scanner.app.hub_calls import HubCalls
from scanner.app.worker_aws import WorkerAws

SCAN, OTHER = SimpleNamespace(scan_id="one"), SimpleNamespace(scan_id="two")


class Watched:
    """Opens AWS in a turn of the event loop, and remembers what is open."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.open: list[str] = []
        self.fails = False

    @asynccontextmanager
    async def __call__(self, scan):
        await anyio.lowlevel.checkpoint()
        if self.fails:
            raise RuntimeError("no")
        self.opened.append(scan.scan_id)
        self.open.append(scan.scan_id)
        yield WorkerAws(None, HubCalls())
        await anyio.lowlevel.checkpoint()
        self.open.remove(scan.scan_id)


async def test_bundles_of_a_scan_share_what_is_opened_and_the_last_one_closes_it():
    watched = Watched()
    shared, seen = SharedAws(watched), []

    async def bundle(turns):
        async with shared.opened(SCAN) as aws:
            seen.append(aws)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            assert watched.open == ["one"]

    async with anyio.create_task_group() as bundles:
        for turns in (1, 20, 3):
            bundles.start_soon(bundle, turns)
    assert (len(seen), len({id(aws) for aws in seen})) == (3, 1)
    assert (watched.opened, watched.open) == (["one"], [])

    await bundle(1)
    assert (watched.opened, watched.open) == (["one", "one"], [])


async def test_scans_share_nothing():
    watched = Watched()
    shared = SharedAws(watched)
    async with shared.opened(SCAN) as one, shared.opened(OTHER) as other:
        assert one is not other
        assert watched.open == ["one", "two"]
    assert watched.open == []


async def test_what_could_not_be_opened_is_opened_by_the_next():
    watched = Watched()
    shared, watched.fails = SharedAws(watched), True
    with pytest.raises(RuntimeError, match="no"):
        async with shared.opened(SCAN):
            pass
    watched.fails = False
    async with shared.opened(SCAN):
        assert watched.open == ["one"]
    assert watched.open == []


async def test_a_bundle_that_is_cancelled_closes_what_nobody_uses():
    watched = Watched()
    shared = SharedAws(watched)
    with anyio.move_on_after(0):
        async with shared.opened(SCAN):
            await anyio.sleep_forever()
    assert watched.open == []
