"""Which nodes of workers have no rows yet, and where they lie: each once, however often and by whom it was stored."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.store import left_nodes
from scanner.store.left_nodes import PLACES, LeftNodes
from scanner.store.thin_rows import EARLIER, ThinFile

_keys = st.tuples(st.sampled_from(["1" * 12, "2" * 12, "3" * 12]), st.sampled_from(["a", "b"]), st.sampled_from("ijkl"))
_files = st.lists(st.lists(_keys, min_size=1, max_size=6), max_size=5)


def earlier_of(key):
    """The segment that holds the rows of a node: one for two accounts or so, as scans mix targets."""
    return f"segment-{hash_of(key) % 3}"


def hash_of(key):
    return sum(map(ord, "".join(key)))


def table_of(keys, schema):
    columns = dict(zip(("account_id", "region", "instance_id"), zip(*keys, strict=True), strict=True))
    columns[EARLIER] = [earlier_of(key) for key in keys]
    wanted = [field for field in schema if field.name in columns]
    return pa.table({field.name: pa.array(columns[field.name], pa.string()).cast(field.type) for field in wanted})


@pytest.fixture(autouse=True, scope="module")
def _few_at_once():
    before, left_nodes.NODES_AT_ONCE = left_nodes.NODES_AT_ONCE, 3
    yield
    left_nodes.NODES_AT_ONCE = before


@given(_files, _files)
def test_each_node_that_has_no_rows_is_left_once_in_a_file_that_holds_it(thin, stored):
    plain = pa.schema([pa.field(name, pa.string()) for name in ("account_id", "region", "instance_id")])
    files = [ThinFile(f"file-{number}", table_of(keys, PLACES)) for number, keys in enumerate(thin)]
    left = LeftNodes(files, [table_of(keys, plain) for keys in stored])

    expected = {key for keys in thin for key in keys} - {key for keys in stored for key in keys}
    counts = left.segments()
    assert counts == {
        text: sum(earlier_of(key) == text for key in expected)
        for text in sorted({earlier_of(key) for keys in thin for key in keys})
    }
    for text in counts:
        found = [*left.places([text])]
        assert {number for _, _, numbers in found for number in numbers.to_pylist()} <= {left.number(text)}
        places = [(name, row) for name, rows, _ in found for row in rows.to_pylist()]
        held = [thin[int(name.removeprefix("file-"))][row] for name, row in places]
        assert sorted(held) == sorted(key for key in expected if earlier_of(key) == text)
