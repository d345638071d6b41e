"""Which targets a worker names in the store: the one that is read alone, and never one that has ended before it."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anyio
import pytest

from scanner.app.engines.gate import GatedFleet, ProcessGate
from scanner.app.open_journal import JournaledFleet, open_journal
from scanner.app.slices import Slice
from scanner.core.model import Target
from scanner.files.local import LocalFiles
from scanner.store.store import Store

SCAN_ID = "20261125T221024Z-a1b2c3"
NEVER_S = 3600.0  # no sign of life comes to help
ONE, TWO, THREE = (Target(f"11112222333{number}", "eu-west-1") for number in range(3))
PATIENCE_S = 60.0


class Place:
    """A store, and a fleet whose targets say what stands in it of open targets while each of them is open."""

    def __init__(self, folder) -> None:
        self.store = Store(LocalFiles(folder))
        self.seen: dict[Target, set[str]] = {}

    async def named(self) -> set[str]:
        found = await self.writer().list_open()
        return {target.account_id for each in found for target in each.open.targets}

    def writer(self):
        return self.store.join_scan(SCAN_ID).writer

    @asynccontextmanager
    async def open(self, target):
        self.seen[target] = await self.named()
        yield None


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


async def test_a_target_is_named_while_it_is_open(place):
    async with open_journal(place.writer(), Slice(0, 1), NEVER_S) as journal:
        fleet = JournaledFleet(place, journal)
        async with fleet.open(ONE), fleet.open(TWO):
            pass
        assert place.seen == {ONE: {ONE.account_id}, TWO: {ONE.account_id, TWO.account_id}}
    assert await place.named() == set()


async def test_a_target_that_was_read_alone_is_named_no_more_when_the_next_one_is_let_in(place):
    """Two bundles of one process: what ends the process under the second target is not counted for the first."""
    gate, alone = ProcessGate(), {ONE, TWO, THREE}
    with anyio.fail_after(PATIENCE_S):
        async with (
            open_journal(place.writer(), Slice(0, 2), NEVER_S) as one,
            open_journal(place.writer(), Slice(1, 2), NEVER_S) as other,
        ):
            for target, journal in ((ONE, one), (TWO, other), (THREE, one)):
                fleet = GatedFleet(JournaledFleet(place, journal, alone), gate, 2, alone)
                async with fleet.open(target):
                    pass
    assert place.seen == {target: {target.account_id} for target in (ONE, TWO, THREE)}


async def test_a_bug_while_a_target_is_read_alone_leaves_its_name(place):
    async def read():
        async with (
            open_journal(place.writer(), Slice(0, 1), NEVER_S) as journal,
            JournaledFleet(place, journal, {ONE}).open(ONE),
        ):
            raise ValueError("a bug")

    with pytest.raises(ExceptionGroup):
        await read()
    assert await place.named() == {ONE.account_id}


async def test_a_target_on_which_a_bug_ended_its_worker_is_named_in_what_is_written_until_all_has_ended(place):
    async def read():
        async with open_journal(place.writer(), Slice(0, 1), NEVER_S) as journal:
            fleet = JournaledFleet(place, journal)
            try:
                async with fleet.open(ONE):
                    raise ValueError("a bug")
            finally:
                async with fleet.open(TWO):  # named in the store first
                    pass

    with pytest.raises(ExceptionGroup):
        await read()
    assert ONE.account_id in place.seen[TWO]
    assert ONE.account_id in await place.named()
