"""What earlier scans know of nodes, held in little memory and given back as it was."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.store.missing_since.history_file import HISTORY, HistoryBytes, history_groups, read_history
from scanner.store.missing_since.known_nodes import KnownNodes, NodeSet, merged_bytes
from scanner.store.missing_since.node_numbers import NodeNumbers

TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "b", "é", "Critical"]))
TIMES = st.one_of(st.none(), st.integers(0, 3))


@st.composite
def histories(draw):
    """Rows of up to ten nodes, a bare one for those that lack nothing."""
    rows = []
    for number in range(draw(st.integers(0, 10))):
        node = {
            "account_id": f"{number % 2}",
            "region": f"region-{number % 3}",
            "instance_id": f"i-{number}",
            "history_since": draw(TIMES),
            "read_at": draw(TIMES),
            "filters": draw(TEXT),
            "was_read_whole": draw(st.one_of(st.none(), st.booleans())),
            "reboot_pending_since": draw(TIMES),
        }
        entries = draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "kb_id": st.sampled_from(["KB1", "KB2", ""]),
                        **dict.fromkeys(("title", "severity", "classification", "state"), TEXT),
                        **dict.fromkeys(("missing_since", "package_missing_since"), TIMES),
                        "is_doubtful": st.one_of(st.none(), st.booleans()),
                    }
                ),
                max_size=5,
            )
        )
        rows += [node | entry for entry in entries or [{}]]
    return pa.Table.from_pylist(rows, HISTORY)


def file_of(*tables):
    data = HistoryBytes()
    for table in tables:
        data.add(table)
    return data.finish()


def rows_of_all(known, without=()):
    left_out = NodeSet(len(known))
    left_out.update(without)
    return pa.concat_tables([HISTORY.empty_table(), *known.rows_without(left_out)])


@given(histories(), st.integers(1, 7))
@settings(max_examples=25)
@pytest.mark.slow
def test_every_row_is_given_back_as_it_was_however_few_are_decoded_at_a_time(rows, at_a_time):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanner.store.missing_since.history_file.BATCH_ROWS", at_a_time)
        known = KnownNodes(file_of(rows))
    assert rows_of_all(known).to_pylist() == rows.to_pylist()


@given(histories(), st.integers(0, 9))
@settings(max_examples=12)
@pytest.mark.slow
def test_a_node_is_known_by_its_account_region_and_id(rows, number):
    known = KnownNodes(file_of(rows))
    nodes = pa.table(
        {
            "account_id": [f"{number % 2}"] * 2,
            "region": [f"region-{number % 3}", "x"],
            "instance_id": [f"i-{number}"] * 2,
        }
    )
    wanted = [row for row in rows.to_pylist() if row["instance_id"] == f"i-{number}"]

    numbers = known.numbers(nodes)
    entries = known.entries(numbers)

    assert numbers.to_pylist() == [number if wanted else None, None]
    assert entries.drop_columns("owner").to_pylist() == [row for row in wanted if row["kb_id"] is not None]
    assert known.facts(numbers).column("read_at").to_pylist() == [wanted[0]["read_at"] if wanted else None, None]


@given(histories(), histories())
@settings(max_examples=12)
@pytest.mark.slow
def test_of_two_histories_the_later_reading_of_a_node_counts(first, second):
    def by_node(table):
        nodes = {}
        for row in table.to_pylist():
            nodes.setdefault(row["instance_id"], []).append(row)
        return nodes

    def read_at(rows):
        return rows[0]["read_at"].timestamp() if rows[0]["read_at"] else 0

    expected = by_node(first)
    for node, rows in by_node(second).items():
        if node not in expected or read_at(rows) > read_at(expected[node]):
            expected[node] = rows
    merged = merged_bytes(KnownNodes(file_of(first)), KnownNodes(file_of(second)))

    assert by_node(read_history(merged)) == expected


def test_nodes_with_the_same_hash_are_told_apart():
    held = ["another", "wanted", "a third"]
    numbers = NodeNumbers(pa.array([hash("wanted")] * 3, pa.int64()), lambda places: [held[place] for place in places])

    assert numbers.of(["wanted", "unknown"]) == [1, None]


def test_a_node_that_lacks_twenty_patches_takes_less_than_400_bytes():
    nodes = 2_000
    rows = [
        {
            "account_id": "111111111111",
            "region": "eu-west-1",
            "instance_id": f"i-{number:017x}",
            "read_at": number,
            "kb_id": f"KB{patch}",
            "title": f"Update {patch}",
            "missing_since": number + patch % 4,
        }
        for number in range(nodes)
        for patch in range(20)
    ]
    data = file_of(pa.Table.from_pylist(rows, HISTORY))
    del rows
    before = pa.total_allocated_bytes()
    known = KnownNodes(data)
    held_by_python = sum(each.itemsize * len(each) for each in (known._rows.patch, known._rows.date))

    assert (pa.total_allocated_bytes() - before + held_by_python) / nodes < 400
    assert sum(map(len, history_groups(data))) == 20 * nodes
