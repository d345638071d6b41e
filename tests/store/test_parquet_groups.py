"""A Parquet file that is built from tables as they come: every row is there, however many come at a time."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scanner.store.parquet_groups import GROUP_ROWS, ParquetGroups

SCHEMA = pa.schema([pa.field("number", pa.int64())])


@pytest.mark.parametrize(
    ("sizes", "groups"), [([], 0), ([0, 3, 0, 4], 1), ([GROUP_ROWS], 1), ([GROUP_ROWS - 1, 1, 5], 2)]
)
def test_rows_come_back_in_their_order_in_groups_of_about_one_size(sizes, groups):
    file, begin = ParquetGroups(SCHEMA, ()), 0
    for size in sizes:
        file.add(pa.table([pa.array(range(begin, begin + size), pa.int64())], SCHEMA))
        begin += size

    written = pq.ParquetFile(pa.BufferReader(file.finish()))

    assert written.read().column("number").to_pylist() == list(range(begin))
    assert written.num_row_groups == groups
