"""Nodes into a segment and back, and the files that are none."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core.errors import StoreError
from scanner.core.patch_table import PATCH
from scanner.core.tables import SEGMENT, TARGETS, batch_of, segment_table
from scanner.store.segments import KEY_COLUMNS, decode, encode, parquet_bytes, parquet_table
from tests.store.samples import node, node_scans
from tests.worded import row_in_words, rows_listed, rows_of


@settings(max_examples=60)
@given(node_scans)
def test_every_node_comes_back_from_a_segment_as_it_went_in(scans):
    table = segment_table("scan", scans)
    back = parquet_table(parquet_bytes(table), SEGMENT)
    assert back.equals(table)
    batch = batch_of(back)
    assert batch.nodes.column("instance_id").to_pylist() == [scan.node.instance_id for scan in scans]
    patches = batch.patches.select([field.name for field in PATCH])
    assert rows_of(patches) == [row_in_words(row) for scan in scans for row in rows_listed(scan.patches)]
    assert batch.patches.column("instance_id").to_pylist() == [
        s.node.instance_id for s in scans for _ in s.patches.times
    ]


@settings(max_examples=40)
@given(node_scans, st.data())
def test_a_part_of_a_segment_is_the_batch_of_its_own_nodes(scans, data):
    start = data.draw(st.integers(0, len(scans)))
    end = data.draw(st.integers(start, len(scans)))
    part = batch_of(segment_table("scan", scans).slice(start, end - start))
    alone = batch_of(segment_table("scan", scans[start:end]))
    assert part.nodes.equals(alone.nodes)
    assert part.patches.equals(alone.patches)


async def test_the_keys_are_read_without_the_patches():
    table = segment_table("scan", [node(1), node(2)])
    keys = await decode(await encode(table), KEY_COLUMNS)
    assert keys.column_names == list(KEY_COLUMNS)
    assert keys.column("instance_id").to_pylist() == ["i-0001", "i-0002"]


async def test_repeating_values_are_stored_once():
    table = segment_table("scan", [node(number, patches=200) for number in range(50)])
    assert len(await encode(table)) < table.nbytes / 10


async def test_a_segment_cut_anywhere_is_refused():
    data = await encode(segment_table("scan", [node(number) for number in range(20)]))
    for length in (0, 1, 3, 4, 8, len(data) // 4, len(data) // 2, len(data) - 9, len(data) - 8, len(data) - 1):
        with pytest.raises(StoreError, match="torn or no Parquet file"):
            await decode(data[:length])


@pytest.mark.parametrize("data", [b"PAR1", b"PAR1PAR1", b"{}", b"PAR1" + b"\0" * 1000 + b"PAR1", b"\xff" * 500])
async def test_what_is_no_parquet_file_is_refused(data):
    with pytest.raises(StoreError, match="torn or no Parquet file"):
        await decode(data)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": [1]}),
        TARGETS.empty_table(),
        segment_table("scan", [node(1)]).drop_columns(["reason"]),
        segment_table("scan", [node(1)]).append_column("more", pa.array([1])),
    ],
    ids=["foreign", "targets", "column missing", "column added"],
)
async def test_a_parquet_file_of_other_columns_is_refused(table):
    with pytest.raises(StoreError, match="other columns"):
        await decode(parquet_bytes(table))
