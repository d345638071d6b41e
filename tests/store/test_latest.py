"""`latest.json` names the newest committed scan, whoever else changes it."""

from __future__ import annotations

import pytest

from scanner.core.errors import StoreError
from scanner.store.latest import latest_problems, point_to_latest
from scanner.store.store import Store
from tests.store.memory_files import MemoryFiles
from tests.store.samples import commit_manifest, node

LATEST = "latest.json"


class ChangedByOthers(MemoryFiles):
    """Files of which another process is always the first to write one."""

    async def put_if(self, name, data, version):
        return None


async def test_without_a_committed_scan_nothing_is_written():
    files = MemoryFiles()

    await point_to_latest(files, has_conditions=True)

    assert files.held == {}
    assert await latest_problems(files) == []


@pytest.mark.parametrize("has_conditions", [True, False])
async def test_a_lost_pointer_is_told_and_written_again(has_conditions):
    files = MemoryFiles()
    await commit_manifest(Store(files), [[node(1)]])
    del files.held[LATEST]
    (problem,) = await latest_problems(files)

    await point_to_latest(files, has_conditions=has_conditions)

    assert "names none, the newest committed scan is" in problem
    assert await latest_problems(files) == []


async def test_a_pointer_that_others_change_all_the_time_is_given_up_in_a_sentence():
    files = ChangedByOthers()
    committed = MemoryFiles()
    await commit_manifest(Store(committed), [[node(1)]])
    files.held = {name: data for name, data in committed.held.items() if name != LATEST}

    with pytest.raises(StoreError, match="is changed by others all the time: the scan is committed"):
        await point_to_latest(files, has_conditions=True)
