"""Rows of an earlier scan beside those that were read now, each with its date."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.model import NodeStatus
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.state_names import CARRIED_STATES, PATCH_STATES, REFRESHED_STATES
from scanner.core.tables import CODED_SEGMENT, SEGMENT, batch_of, coded_segment_table, segment_table
from scanner.store.carried_rows import with_carried_rows, without_carried_rows
from scanner.store.installed_ids import InstalledIds
from tests.store.samples import node

THEN, NOW = 5_000, 9_000


def scanned(number, states, *, end, status=NodeStatus.VERIFIED, at=100):
    scan = node(number, patches=0)
    rows = [Patch(f"kb-{number}-{place}-{end}", state=state) for place, state in enumerate(states)]
    state = structs.replace(scan.state, snapshot_id=f"s{end}", operation_end_time=end)
    return structs.replace(scan, state=state, status=status, patches=patch_rows_of(rows), scanned_at=at)


def stored_table(*scans):
    return segment_table("earlier", scans)


def carried(now, stored, left_out=()):
    return with_carried_rows(segment_table("now", now), stored, CARRIED_STATES, left_out)


def rows_of(table):
    """State and date of each row, by node."""
    found = {row["instance_id"]: [] for row in table.select(["instance_id"]).to_pylist()}
    for row in batch_of(table).patches.to_pylist():
        found[row["instance_id"]].append((row["state"], ms(row["as_of"])))
    return found


def ms(time: datetime):
    return time and round(time.timestamp() * 1000)


def test_a_refreshed_node_has_its_installed_rows_of_then_and_its_lacking_rows_of_now():
    stored = stored_table(scanned(1, ["INSTALLED", "MISSING", "INSTALLED_OTHER", "NOT_APPLICABLE"], end=THEN))

    table = carried([scanned(1, ["MISSING", "FAILED"], end=NOW, status=NodeStatus.REFRESHED, at=200)], stored)

    assert list(rows_of(table).values()) == [
        [("INSTALLED", THEN), ("INSTALLED_OTHER", THEN), ("MISSING", NOW), ("FAILED", NOW)]
    ]
    (row,) = table.to_pylist()
    assert (row["patch_rows"], row["carried_rows"]) == (4, 2)
    assert (ms(row["installed_as_of"]), ms(row["operation_end_time"])) == (THEN, NOW)
    assert (ms(row["installed_read_at"]), ms(row["scanned_at"])) == (100, 200)
    assert table.schema == CODED_SEGMENT


def test_an_unchanged_node_has_every_row_of_then():
    stored = stored_table(scanned(1, ["INSTALLED", "MISSING", "NOT_APPLICABLE"], end=THEN))
    now = [scanned(1, [], end=THEN, status=NodeStatus.UNCHANGED, at=200)]

    (row,) = carried(now, stored).to_pylist()
    assert (row["patch_rows"], row["carried_rows"], ms(row["scanned_at"])) == (3, 3, 100)

    left_out = carried(now, stored, ["NOT_APPLICABLE"])
    assert rows_of(left_out) == {"i-0001": [("INSTALLED", THEN), ("MISSING", THEN)]}


def test_rows_that_were_carried_before_keep_their_date():
    first = stored_table(scanned(1, ["INSTALLED"], end=THEN))
    second = carried([scanned(1, ["MISSING"], end=7_000, status=NodeStatus.REFRESHED, at=200)], first)

    table = carried([scanned(1, ["FAILED"], end=NOW, status=NodeStatus.REFRESHED, at=300)], second)

    assert rows_of(table) == {"i-0001": [("INSTALLED", THEN), ("FAILED", NOW)]}
    assert ms(table.to_pylist()[0]["installed_read_at"]) == 100


def test_rows_of_a_version_without_dates_are_those_of_the_nodes_last_operation():
    stored = stored_table(scanned(1, ["INSTALLED"], end=THEN))
    for name in ("installed_as_of", "installed_read_at"):
        place = SEGMENT.get_field_index(name)
        stored = stored.set_column(place, SEGMENT.field(name), pa.nulls(1, SEGMENT.field(name).type))
    patches = stored["patches"].combine_chunks()
    members = [
        pa.nulls(1, member.type) if member.name == "as_of" else patches.flatten().field(member.name)
        for member in patches.type.value_type
    ]
    undated = pa.ListArray.from_arrays(
        [0, 1], pa.StructArray.from_arrays(members, fields=list(patches.type.value_type))
    )
    place = SEGMENT.get_field_index("patches")
    stored = stored.set_column(place, SEGMENT.field("patches"), undated.cast(patches.type))

    table = carried([scanned(1, ["MISSING"], end=NOW, status=NodeStatus.REFRESHED)], stored)

    assert rows_of(table) == {"i-0001": [("INSTALLED", THEN), ("MISSING", NOW)]}
    assert ms(table.to_pylist()[0]["installed_as_of"]) == THEN


nodes = st.lists(
    st.tuples(
        st.lists(st.sampled_from(PATCH_STATES), max_size=6),
        st.lists(st.sampled_from(REFRESHED_STATES), max_size=4),
        st.booleans(),
    ),
    max_size=6,
)


@given(nodes, st.randoms(use_true_random=False))
def test_every_node_keeps_its_own_rows_whatever_the_order(given_nodes, random):
    numbered = list(enumerate(given_nodes))
    stored = [scanned(number, old, end=THEN) for number, (old, _, _) in numbered]
    now = [
        scanned(number, [] if is_unchanged else fresh, end=NOW, status=status_of(is_unchanged=is_unchanged))
        for number, (_, fresh, is_unchanged) in numbered
    ]
    random.shuffle(now)

    table = carried(now, stored_table(scanned(99, ["INSTALLED"], end=THEN), *stored))

    assert sorted(row["instance_id"] for row in table.to_pylist()) == [f"i-{number:04}" for number, _ in numbered]
    for number, (old, fresh, is_unchanged) in numbered:
        kept = [(state, THEN) for state in old if is_unchanged or state in CARRIED_STATES]
        assert rows_of(table)[f"i-{number:04}"] == kept + ([] if is_unchanged else [(state, NOW) for state in fresh])


def status_of(*, is_unchanged):
    return NodeStatus.UNCHANGED if is_unchanged else NodeStatus.REFRESHED


def test_a_node_whose_stored_rows_are_lost_keeps_what_was_read_now():
    waiting = [
        scanned(1, [], end=THEN, status=NodeStatus.UNCHANGED),
        scanned(2, ["MISSING"], end=NOW, status=NodeStatus.REFRESHED),
    ]

    first, second = without_carried_rows(segment_table("now", waiting), "it is torn").to_pylist()

    assert (first["status"], first["patch_rows"]) == ("failed", 0)
    assert first["reason"] == "its rows could not be carried over: it is torn; scan in full mode"
    assert (second["status"], second["patch_rows"]) == ("mismatched", 1)
    assert second["reason"] == "its installed patches could not be carried over: it is torn; scan in full mode"


def listing(*rows_by_node):
    rows = [[{"kb_id": kb_id, "state": state} for kb_id, state in rows] for rows in rows_by_node]
    return InstalledIds(pa.array(rows, pa.list_(pa.struct([("kb_id", pa.string()), ("state", pa.string())]))))


@pytest.mark.parametrize(
    ("kb_ids", "is_old"),
    [([], False), (["b"], False), (["other"], False), (["a"], True), (["b", "a"], True), (["pending"], False)],
    ids=str,
)
def test_a_lacking_patch_proves_installed_rows_old_if_its_id_is_among_them(kb_ids, is_old):
    ids = listing(
        [("b", "INSTALLED")],
        [("a", "INSTALLED"), ("other", "INSTALLED_OTHER"), ("pending", "INSTALLED_PENDING_REBOOT")],
        [],
    )

    assert ids.has_any(1, kb_ids) is is_old


@pytest.mark.parametrize("beside", ["INSTALLED", "MISSING"])
def test_an_id_that_a_node_lists_in_several_versions_proves_nothing(beside):
    assert not listing([("kernel", "INSTALLED"), ("kernel", beside)]).has_any(0, ["kernel"])


def test_it_does_not_matter_whether_rows_have_texts_or_dictionaries():
    then = [scanned(1, ["INSTALLED", "MISSING"], end=THEN), scanned(2, ["INSTALLED"], end=THEN)]
    now = [
        scanned(2, ["FAILED"], end=NOW, status=NodeStatus.REFRESHED, at=200),
        scanned(1, [], end=THEN, status=NodeStatus.UNCHANGED, at=200),
    ]
    tables = [
        with_carried_rows(made_now("now", now), made_then("earlier", then), CARRIED_STATES, ())
        for made_now in (segment_table, coded_segment_table)
        for made_then in (segment_table, coded_segment_table)
    ]
    assert [table.to_pylist() for table in tables] == [tables[0].to_pylist()] * 4
    assert all(table.schema == CODED_SEGMENT for table in tables)
