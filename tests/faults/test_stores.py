"""Stores that fail or are shared: a sentence, nothing lost, and the scan can go on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from scanner.core.errors import StoreError
from scanner.core.interfaces import Observer
from scanner.files.local import LocalFiles
from scanner.simulator.generate.build import make_world
from scanner.store.store import Store
from tests.faults.worlds import assert_is_the_truth, organization, scan, settings_for, stored

WORLD = make_world(accounts=2, regions=2, nodes=40, rows=60)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class AtNode(Observer):
    """An observer that does something when so many nodes have ended."""

    def __init__(self, number, act):
        self._number, self._act, self._ended = number, act, 0

    def node_ended(self, scan):
        self._ended += 1
        if self._ended == self._number:
            self._act()


async def unfinished_scan(folder):
    (scan_id,) = await Store(LocalFiles(folder)).unfinished()
    return scan_id


async def test_a_disk_that_is_full_ends_the_run_in_a_sentence_and_the_next_one_is_whole_when_there_is_room(tmp_path):
    folder = tmp_path / "store"
    with organization(WORLD) as simulator:
        with no_file_above(3_000), pytest.raises(StoreError, match="larger than the limit") as caught:
            await scan(settings_for(folder, WORLD, max_open_targets=1))
        assert "\n" not in str(caught.value)
        again = await scan(settings_for(folder, WORLD))
        assert_is_the_truth(await stored(folder, again.scan.scan_id), simulator.truth())


async def test_a_store_that_fails_in_mid_run_ends_it_in_a_sentence_and_the_scan_is_resumed_to_the_truth(tmp_path):
    folder = tmp_path / "store"

    def put_a_file_in_the_way():
        (scan_folder,) = (folder / "scans").iterdir()
        (scan_folder / "segments").rename(tmp_path / "moved")
        (scan_folder / "segments").write_text("in the way")

    with organization(WORLD) as simulator:
        with pytest.raises(StoreError, match="segments") as caught:
            await scan(settings_for(folder, WORLD, max_open_targets=1), observers=[AtNode(36, put_a_file_in_the_way)])
        assert "\n" not in str(caught.value)
        scan_id = await unfinished_scan(folder)
        (folder / "scans" / scan_id / "segments").unlink()
        (tmp_path / "moved").rename(folder / "scans" / scan_id / "segments")
        again = await scan(settings_for(folder, WORLD), resume="latest")
        assert again.scan.scan_id == scan_id
        assert_is_the_truth(await stored(folder, scan_id), simulator.truth())


async def test_segments_that_vanish_under_a_run_are_missed_at_its_end(tmp_path):
    folder = tmp_path / "store"

    def lose_a_segment():
        # One that is there: another may be on its way under a name with a dot.
        min(folder.glob("scans/*/segments/[!.]*")).unlink()

    with organization(WORLD) as simulator:
        with pytest.raises(StoreError, match=r"nothing was committed.*--resume"):
            await scan(settings_for(folder, WORLD, max_open_targets=1), observers=[AtNode(38, lose_a_segment)])
        again = await scan(settings_for(folder, WORLD), resume="latest")
        assert_is_the_truth(await stored(folder, again.scan.scan_id), simulator.truth())


async def test_two_scans_of_one_store_at_once_are_both_right(tmp_path):
    folder = tmp_path / "store"
    scan_ids = []

    async def one():
        scan_ids.append((await scan(settings_for(folder, WORLD))).scan.scan_id)

    with organization(WORLD) as simulator:
        async with anyio.create_task_group() as both:
            both.start_soon(one)
            both.start_soon(one)
        truth = simulator.truth()
    assert await Store(LocalFiles(folder)).committed() == sorted(scan_ids)
    assert len(set(scan_ids)) == 2
    for scan_id in scan_ids:
        assert_is_the_truth(await stored(folder, scan_id), truth)
    assert await Store(LocalFiles(folder)).verify_latest() == []


async def test_of_two_resumptions_of_one_scan_at_once_the_second_is_refused_in_a_sentence(tmp_path):
    folder = tmp_path / "store"
    with organization(WORLD) as simulator:
        first = await scan(settings_for(folder, WORLD))
        (folder / "scans" / first.scan.scan_id / "manifest.json").unlink()
        min(folder.glob("scans/*/segments/*")).unlink()
        refused = []

        async def second():
            with pytest.raises(StoreError, match=r"another process is writing .*: wait until it has ended") as caught:
                await scan(settings_for(folder, WORLD), resume="latest")
            refused.append(caught.value)

        async with anyio.create_task_group() as group:
            await scan(
                settings_for(folder, WORLD), resume="latest", observers=[AtNode(1, lambda: group.start_soon(second))]
            )
        assert len(refused) == 1
        assert_is_the_truth(await stored(folder, first.scan.scan_id), simulator.truth())


@pytest.mark.parametrize("place", ["scans", "."])
async def test_a_store_in_the_place_of_a_file_is_told_before_aws_is_asked(place, tmp_path):
    folder = tmp_path / "store"
    path = folder / place if place == "scans" else folder
    path.parent.mkdir(exist_ok=True)
    await anyio.Path(path).write_text("a file")
    with organization(WORLD) as simulator:
        with pytest.raises(StoreError, match="is a file, not a folder"):
            await scan(settings_for(folder, WORLD))
        assert simulator.stats.requests() == 0
