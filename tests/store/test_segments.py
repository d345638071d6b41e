"""Nodes into a segment of two files, or one as the first release wrote it, and back; and the files that are none."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core.errors import StoreError
from scanner.core.patch_table import PATCH
from scanner.core.tables import (
    PATCHES,
    SEGMENT,
    TARGETS,
    batch_of,
    coded_segment,
    coded_segment_table,
    plain_segment,
    segment_table,
)
from scanner.store.manifest import FileEntry
from scanner.store.segment_parts import decode_nodes, encode_nodes, encode_patches, join
from scanner.store.segments import KEY_COLUMNS, decode, parquet_bytes, parquet_table
from tests.store.samples import newer_segment, node, node_scans, older_segment
from tests.worded import row_in_words, rows_listed, rows_of

pytestmark = pytest.mark.slow

NAMED = FileEntry("scans/a/patches/b", "0" * 64, 7)


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


def of_two_files(table):
    """The segment as the store writes it and reads it back."""
    patches = encode_patches(table)
    nodes = decode_nodes(encode_nodes(table, None if patches is None else NAMED))
    assert (nodes.is_whole, nodes.patches) == (False, None if patches is None else NAMED)
    return join(nodes.table, patches)


@settings(max_examples=60)
@given(node_scans)
def test_every_node_comes_back_from_two_files_as_it_went_in(scans):
    table = segment_table("scan", scans)
    assert of_two_files(table).equals(table)


@settings(max_examples=60)
@given(node_scans)
def test_texts_as_dictionaries_come_back_as_texts(scans):
    table, coded = segment_table("scan", scans), coded_segment_table("scan", scans)
    assert of_two_files(coded).equals(table)
    assert coded_segment(table).to_pylist() == coded.to_pylist() == table.to_pylist()
    assert plain_segment(coded).equals(table)


@settings(max_examples=40)
@given(node_scans, st.data())
def test_every_node_of_a_part_of_a_segment_comes_back_from_two_files(scans, data):
    start = data.draw(st.integers(0, len(scans)))
    end = data.draw(st.integers(start, len(scans)))
    part = segment_table("scan", scans).slice(start, end - start)
    assert of_two_files(part).equals(segment_table("scan", scans[start:end]))


@settings(max_examples=40)
@given(node_scans)
def test_a_patches_file_has_the_rows_of_the_patches_table(scans):
    table = segment_table("scan", scans)
    data = encode_patches(table)
    rows = PATCHES.empty_table() if data is None else parquet_table(data, PATCHES, required=PATCHES.names)
    assert rows.equals(batch_of(table).patches)


@pytest.mark.parametrize(
    ("nodes", "patches", "reason"),
    [
        ([node(1, patches=3)], [node(1, patches=2)], "its nodes have 3 patch rows, its patches file has 2"),
        ([node(1, patches=0)], [node(1, patches=2)], "its nodes have 0 patch rows, its patches file has 2"),
        ([node(1, patches=3)], [], "its nodes have 3 patch rows, its patches file has 0"),
    ],
)
def test_a_patches_file_of_other_nodes_is_refused(nodes, patches, reason):
    nodes = decode_nodes(encode_nodes(segment_table("scan", nodes), NAMED)).table
    with pytest.raises(StoreError, match=reason):
        join(nodes, encode_patches(segment_table("scan", patches)))


def test_a_patches_file_that_is_torn_or_lacks_a_column_is_refused():
    table = segment_table("scan", [node(1)])
    nodes = decode_nodes(encode_nodes(table, NAMED)).table
    whole = encode_patches(table)
    lacking = parquet_bytes(parquet_table(whole, PATCHES).drop_columns(["state"]))
    for data, reason in ((whole[:-9], "torn or no Parquet file"), (lacking, "it lacks the column state")):
        with pytest.raises(StoreError, match=reason):
            join(nodes, data)


def test_a_nodes_file_that_names_its_patches_in_another_way_is_refused():
    metadata = {"patchsweep.patches": '{"name": 7}'}
    data = parquet_bytes(segment_table("scan", []).drop_columns(["patches"]).replace_schema_metadata(metadata))
    with pytest.raises(StoreError, match="what it says of its patches file is damaged"):
        decode_nodes(data)


async def test_the_keys_are_read_without_the_patches():
    table = segment_table("scan", [node(1), node(2)])
    keys = await decode(encode_nodes(table, NAMED), KEY_COLUMNS)
    assert keys.column_names == list(KEY_COLUMNS)
    assert keys.column("instance_id").to_pylist() == ["i-0001", "i-0002"]


async def test_repeating_values_are_stored_once():
    table = segment_table("scan", [node(number, patches=200) for number in range(50)])
    assert len(encode_patches(table)) < table.nbytes / 20
    assert len(encode_nodes(table, NAMED)) < 50 * 1024


async def test_a_segment_cut_anywhere_is_refused():
    data = encode_nodes(segment_table("scan", [node(number) for number in range(20)]), NAMED)
    for length in (0, 1, 3, 4, 8, len(data) // 4, len(data) // 2, len(data) - 9, len(data) - 8, len(data) - 1):
        with pytest.raises(StoreError, match="torn or no Parquet file"):
            decode_nodes(data[:length])


@pytest.mark.parametrize("data", [b"PAR1", b"PAR1PAR1", b"{}", b"PAR1" + b"\0" * 1000 + b"PAR1", b"\xff" * 500])
async def test_what_is_no_parquet_file_is_refused(data):
    with pytest.raises(StoreError, match="torn or no Parquet file"):
        decode_nodes(data)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (pa.table({"a": [1]}), "it lacks the column scan_id"),
        (TARGETS.empty_table(), "it lacks the column instance_id"),
        (segment_table("scan", [node(1)]).drop_columns(["patches"]), "it lacks the column patches"),
        (segment_table("scan", [node(1)]).drop_columns(["patch_rows"]), "it lacks the column patch_rows"),
    ],
    ids=["foreign", "targets", "no patches", "no row count"],
)
async def test_a_parquet_file_that_is_no_segment_is_refused(table, reason):
    with pytest.raises(StoreError, match=reason):
        decode_nodes(parquet_bytes(table))


async def test_columns_that_an_earlier_version_did_not_write_are_null():
    older = older_segment("scan", [node(1)])
    read = decode_nodes(parquet_bytes(older)).table
    assert read.schema.equals(SEGMENT)
    assert read.column("agent_version").to_pylist() == [None]
    assert [patch["severity"] for patch in read.column("patches").to_pylist()[0]] == [None, None]
    assert read.drop_columns(["agent_version", "patches"]).equals(
        segment_table("scan", [node(1)]).drop_columns(["agent_version", "patches"])
    )


async def test_columns_that_a_later_version_added_are_left_out():
    table = segment_table("scan", [node(1), node(2, patches=0)])
    assert decode_nodes(parquet_bytes(newer_segment("scan", [node(1), node(2, patches=0)]))).table.equals(table)


@settings(max_examples=30)
@given(node_scans)
def test_every_node_of_an_earlier_version_comes_back_but_for_what_it_lacks(scans):
    table, read = segment_table("scan", scans), parquet_table(parquet_bytes(older_segment("scan", scans)), SEGMENT)
    kept = [name for name in table.column_names if name not in {"agent_version", "patches"}]
    assert read.select(kept).equals(table.select(kept))
    patches, others = batch_of(table).patches, batch_of(read).patches
    assert others.drop_columns(["severity"]).equals(patches.drop_columns(["severity"]))
    assert others.column("severity").null_count == len(others)


@pytest.mark.parametrize(
    ("name", "column", "reason"),
    [
        ("pages", pa.array(["1"]), "its column pages has the type string where int64 is expected"),
        ("patches", pa.array([["KB1"]]), "its column patches.element has the type string"),
        ("patches", pa.array([[{"title": "x"}]]), "it lacks the column patches.element.kb_id"),
        (
            "patches",
            pa.array([[{"kb_id": None, "state": "MISSING", "cve_ids": []}]]),
            "its column patches.element.kb_id has nulls",
        ),
        ("patches", pa.array([[None, {"kb_id": "x"}]]), "its column patches.element has nulls"),
    ],
)
async def test_a_column_of_another_type_is_named(name, column, reason):
    table = segment_table("scan", [node(1)])
    other = table.set_column(table.schema.get_field_index(name), name, column)
    with pytest.raises(StoreError, match=reason):
        decode_nodes(parquet_bytes(other))


async def test_a_column_that_is_there_twice_is_named():
    table = segment_table("scan", [node(1)])
    with pytest.raises(StoreError, match="it has the column pages 2 times"):
        decode_nodes(parquet_bytes(table.append_column("pages", pa.array([1]))))
