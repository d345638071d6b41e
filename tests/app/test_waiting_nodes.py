"""Nodes whose rows come from earlier segments: how many are put into one segment."""

from __future__ import annotations

import anyio
import pyarrow as pa
import pytest

from scanner.app.waiting_nodes import store_groups

pytestmark = pytest.mark.anyio

FLUSH_ROWS = 100


class Group:
    """The nodes of an earlier segment, each with this many rows."""

    def __init__(self, *rows: int) -> None:
        self._rows = rows

    async def completed(self) -> pa.Table:
        await anyio.lowlevel.checkpoint()
        return pa.table({"patch_rows": pa.array(self._rows, pa.int64())})


async def put_together(*groups: Group) -> list[list[int]]:
    """Returns the rows of the nodes of each segment that is put."""
    segments: list[list[int]] = []

    async def put(table: pa.Table) -> None:
        segments.append(table.column("patch_rows").to_pylist())

    await store_groups(groups, FLUSH_ROWS, put)
    return segments


async def test_small_segments_are_put_together_until_they_fill_one():
    assert await put_together(Group(9, 9), Group(39), Group(39), Group(5)) == [[9, 9, 39, 39], [5]]


async def test_two_segments_of_nearly_full_size_stay_apart():
    assert await put_together(Group(97), Group(96), Group(98)) == [[97], [96], [98]]


async def test_a_segment_that_fills_another_up_with_little_beyond_goes_with_it():
    assert await put_together(Group(70), Group(49), Group(3)) == [[70, 49], [3]]


async def test_a_segment_larger_than_a_full_one_is_put_alone():
    assert await put_together(Group(10), Group(300), Group(10)) == [[10], [300], [10]]


async def test_nothing_is_put_where_nothing_waits():
    assert await put_together() == []
