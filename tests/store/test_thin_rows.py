"""Nodes whose rows still lie in an earlier segment: a damaged, foreign or removed file of them is no data."""

from __future__ import annotations

import pytest

from scanner.core.model import Target
from scanner.core.tables import segment_table
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry
from scanner.store.segment_reader import IgnoredFile
from scanner.store.thin_rows import list_thin, read_thin, write_thin
from tests.store.memory_files import MemoryFiles
from tests.store.samples import NOBODY, TARGET, node

NAMES = ScanNames(NOBODY)
ELSEWHERE = Target("222222222222", "us-east-1")
EARLIER = FileEntry("scans/20200101T000000Z-aaaaaa/segments/000001-w-0123456789abcdef.parquet", "00", 1)


@pytest.fixture
async def files():
    """Returns files of which one is such a file, with a node of each of two targets."""
    files = MemoryFiles()
    nodes = segment_table(NOBODY, [node(1), node(2, target=ELSEWHERE)])
    await write_thin(files, NAMES, (1, "0a1b2c3d"), nodes, [EARLIER, EARLIER])
    return files


async def listed(files, names=NAMES, **options):
    return await list_thin(files, names, await files.names(), **options)


async def test_nodes_are_listed_with_the_targets_that_are_wanted(files):
    (whole,), (chosen,) = await listed(files), await listed(files, wanted={(TARGET.account_id, TARGET.region)})

    assert whole.keys.column("account_id").to_pylist() == [TARGET.account_id, ELSEWHERE.account_id]
    assert chosen.keys.column("account_id").to_pylist() == [TARGET.account_id]


async def test_a_damaged_file_is_named_and_not_read(files):
    (name,) = files.held
    files.held[name] = files.held[name][:-9]

    (ignored,) = await listed(files)

    assert isinstance(ignored, IgnoredFile)
    assert ignored.reason == "it is torn or was changed: its content does not match its name"


async def test_a_file_of_another_scan_is_named_and_not_read(files):
    (ignored,) = await listed(files, ScanNames("20200102T000000Z-bbbbbb"))

    assert isinstance(ignored, IgnoredFile)
    assert ignored.reason == "it belongs to another scan"


async def test_a_file_that_was_removed_meanwhile_is_left_out(files):
    (name,) = files.held
    files.held.clear()

    assert await list_thin(files, NAMES, [name]) == []
    assert await read_thin(files, NAMES, name) is None
