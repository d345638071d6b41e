"""Changes are told apart from what only one of two scans could see."""

from __future__ import annotations

from collections import Counter
from tempfile import TemporaryDirectory

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from scanner.core.comparable import comparable_part
from scanner.core.errors import ConfigError
from scanner.core.model import NodeStatus, Target, TargetStatus
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.scan_request import request_of
from scanner.core.settings import NodeSettings, PatchSettings, ScopeSettings, Settings
from scanner.core.tables import segment_table
from scanner.files.local import LocalFiles
from scanner.reports.diff import Changes, Compared, ScanPair, check_comparable, compared, paired_nodes, sentences
from scanner.reports.diff_rows import open_changes
from scanner.reports.sql.query import open_views
from scanner.reports.staleness import DAY_MS, StaleReason
from scanner.store.store import Store
from tests.examples import costly
from tests.store.samples import STARTED_MS, header, node, opened, outcome, scan_row

pytestmark = pytest.mark.slow

OTHER = Target("222222222222", "us-east-1")


def patched(number, *rows, status=NodeStatus.VERIFIED, **more):
    """A node whose patches have these (KB id, state, title)."""
    patches = [Patch(kb_id, title, "Security", "Critical", state) for kb_id, state, title in rows]
    return scanned_ago(1, structs.replace(node(number, status=status, **more), patches=patch_rows_of(patches)))


def scanned_ago(days, made, ping_status="Online"):
    """The node, whose last patch scan ended so many days before the first of two scans; None: never."""
    ended = None if days is None else STARTED_MS - days * DAY_MS
    state = structs.replace(made.state, operation_end_time=ended)
    return structs.replace(made, state=state, node=structs.replace(made.node, ping_status=ping_status))


async def commit(store, started_ms, nodes, targets):
    scan_id = store.new_scan_id(started_ms)
    await opened(store, scan_id).begin(header(scan_id))
    if nodes:
        await opened(store, scan_id).add_segment(segment_table(scan_id, nodes))
    await opened(store, scan_id).commit(scan_row(scan_id, {}), targets)
    return scan_id


async def changes(folder, before, after, targets_before=None, targets_after=None):
    """The rows of the difference without account and Region, how many there are of a kind, and what was compared."""
    store = Store(LocalFiles(folder))
    ids = [
        await commit(store, STARTED_MS, before, targets_before or [outcome(), outcome(OTHER)]),
        await commit(store, STARTED_MS + 60_000, after, targets_after or [outcome(), outcome(OTHER)]),
    ]
    counts, found = Changes(), []
    pair = ScanPair(*ids, STARTED_MS + 120_000)
    async with store.local_copy(ids) as files:
        async with open_views(files) as views:
            paired = await paired_nodes(views, pair)
            nodes = await compared(views)
        async with open_changes(files, paired, pair.after) as batches:
            async for batch in batches:
                counts.count(batch)
                found += batch.to_pylist()
    return found, counts.by_kind, nodes


def brief(rows):
    return [(row["change"], row["instance_id"], row["kb_id"], row["before"], row["after"]) for row in rows]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([("KB1", "Missing", "t")], [("KB1", "Installed", "t")], ("fixed", "MISSING", "INSTALLED")),
        ([("KB1", "Failed", "t")], [("KB1", "InstalledOther", "t")], ("fixed", "FAILED", "INSTALLED_OTHER")),
        ([("KB1", "Installed", "t")], [("KB1", "Missing", "t")], ("missing", "INSTALLED", "MISSING")),
        ([], [("KB1", "Missing", "t")], ("missing", None, "MISSING")),
        ([("KB1", "Missing", "t")], [], ("dropped", "MISSING", None)),
        ([("KB1", "Missing", "t")], [("KB1", "NotApplicable", "t")], ("dropped", "MISSING", "NOT_APPLICABLE")),
        ([("KB1", "Missing", "t")], [("KB1", "Failed", "t")], ("changed", "MISSING", "FAILED")),
        ([], [("KB1", "Installed", "t")], ("changed", None, "INSTALLED")),
        ([("KB1", "Installed", "v1")], [("KB1", "Installed", "v2")], ("changed", "INSTALLED", "INSTALLED")),
        (
            [("k", "Installed", "k-1"), ("k", "Missing", "k-2")],
            [("k", "Installed", "k-1"), ("k", "Installed", "k-3")],
            ("fixed", "INSTALLED, MISSING", "INSTALLED, INSTALLED"),
        ),
    ],
    ids=[
        "installed",
        "installed by other means",
        "taken back",
        "released",
        "withdrawn",
        "replaced",
        "failed",
        "new and installed",
        "updated",
        "one of several versions",
    ],
)
async def test_a_patch_that_differs_is_one_row_that_says_how(before, after, change, tmp_path):
    rows, counts, nodes = await changes(tmp_path, [patched(1, *before)], [patched(1, *after)])

    kind, was, is_now = change
    kb_id = (before or after)[0][0]
    assert brief(rows) == [(kind, "i-0001", kb_id, was, is_now)]
    assert counts == {kind: 1}
    assert nodes == Compared(compared=1, not_comparable=0)


async def test_a_change_of_version_shows_both(tmp_path):
    rows, _, _ = await changes(
        tmp_path, [patched(1, ("k", "Installed", "k-1"))], [patched(1, ("k", "Installed", "k-2"))]
    )

    assert [(row["title_before"], row["title_after"], row["severity"]) for row in rows] == [("k-1", "k-2", "Critical")]


async def test_what_is_the_same_is_no_row_in_whatever_order_it_comes(tmp_path):
    rows = [("KB1", "Missing", "t"), ("KB2", "Installed", ""), ("KB2", "Installed", "u")]

    found, _, nodes = await changes(tmp_path, [patched(1, *rows)], [patched(1, *reversed(rows))])

    assert found == []
    assert nodes == Compared(compared=1, not_comparable=0)


async def test_equal_instance_ids_of_two_accounts_are_two_nodes(tmp_path):
    missing, installed = ("KB1", "Missing", "t"), ("KB1", "Installed", "t")

    rows, _, nodes = await changes(
        tmp_path,
        [patched(1, missing), patched(1, installed, target=OTHER)],
        [patched(1, missing), patched(1, missing, target=OTHER)],
    )

    assert [(row["account_id"], row["region"], row["change"]) for row in rows] == [
        (OTHER.account_id, OTHER.region, "missing")
    ]
    assert nodes.compared == 2


async def test_nodes_that_came_and_left_are_a_row_each_and_their_patches_none(tmp_path):
    rows, _, nodes = await changes(
        tmp_path,
        [patched(1, ("KB1", "Missing", "t"))],
        [patched(2, ("KB1", "Missing", "t"), target=OTHER)],
    )

    assert brief(rows) == [
        ("node_left", "i-0001", None, "verified", None),
        ("node_new", "i-0002", None, None, "verified"),
    ]
    assert nodes == Compared(compared=0, not_comparable=0)


@pytest.mark.parametrize("status", [status for status in TargetStatus if status is not TargetStatus.SCANNED])
async def test_nodes_of_a_target_that_was_not_read_did_not_leave(status, tmp_path):
    unread = structs.replace(outcome(), status=status)

    rows, _, nodes = await changes(tmp_path, [patched(1)], [], targets_after=[unread, outcome(OTHER)])

    assert rows == []
    assert nodes == Compared(compared=0, not_comparable=1)


async def test_nodes_of_a_target_that_was_out_of_scope_before_are_not_new(tmp_path):
    rows, _, nodes = await changes(tmp_path, [], [patched(1)], targets_before=[outcome(OTHER)])

    assert rows == []
    assert nodes == Compared(compared=0, not_comparable=1)


@pytest.mark.parametrize(
    "status", [NodeStatus.DENIED, NodeStatus.FAILED, NodeStatus.UNFINISHED, NodeStatus.NO_PATCH_DATA]
)
async def test_a_node_that_could_not_be_read_has_another_status_and_its_patches_did_not_vanish(status, tmp_path):
    rows, _, nodes = await changes(tmp_path, [patched(1, ("KB1", "Missing", "t"))], [patched(1, status=status)])

    assert brief(rows) == [("node_status", "i-0001", None, "verified", status)]
    assert nodes == Compared(compared=0, not_comparable=1)


async def test_a_node_that_left_while_it_was_read_is_gone_and_no_gap(tmp_path):
    rows, _, nodes = await changes(tmp_path, [patched(1)], [patched(1, status=NodeStatus.GONE)])

    assert brief(rows) == [("node_status", "i-0001", None, "verified", "gone")]
    assert nodes == Compared(compared=0, not_comparable=0)


async def test_unchanged_is_as_good_as_verified_and_mismatched_is_not(tmp_path):
    one, two = patched(1), patched(2)

    rows, _, nodes = await changes(
        tmp_path,
        [one, two],
        [structs.replace(one, status=NodeStatus.UNCHANGED), structs.replace(two, status=NodeStatus.MISMATCHED)],
    )

    assert brief(rows) == [("node_status", "i-0002", None, "verified", "mismatched")]
    assert nodes == Compared(compared=2, not_comparable=0)


@pytest.mark.parametrize(
    ("days", "ping_status", "reason"),
    [
        (40, "Online", StaleReason.SCAN_DID_NOT_RUN),
        (40, "ConnectionLost", StaleReason.NODE_SILENT),
        (None, "Online", StaleReason.NEVER_SCANNED),
    ],
)
async def test_a_node_whose_data_is_stale_is_unknown_and_not_without_changes(days, ping_status, reason, tmp_path):
    fresh, stale = patched(1), scanned_ago(days, patched(2), ping_status)

    rows, _, nodes = await changes(tmp_path, [fresh, stale], [fresh, stale])

    assert rows == []
    assert nodes == Compared(compared=1, not_comparable=0, stale={reason: 1})
    assert not nodes.covers_all_nodes


async def test_what_changed_on_a_node_before_its_data_became_stale_is_still_listed(tmp_path):
    rows, _, _ = await changes(
        tmp_path, [patched(1, ("KB1", "Missing", "t"))], [scanned_ago(40, patched(1, ("KB1", "Installed", "t")))]
    )

    assert brief(rows) == [("fixed", "i-0001", "KB1", "MISSING", "INSTALLED")]


async def test_a_node_that_was_stale_before_and_is_scanned_again_is_compared(tmp_path):
    _, _, nodes = await changes(tmp_path, [scanned_ago(40, patched(1))], [patched(1)])

    assert nodes == Compared(compared=1, not_comparable=0)


@pytest.mark.parametrize(
    "other",
    [Settings(patches=PatchSettings(states=("MISSING",))), Settings(nodes=NodeSettings(platform_types=("Linux",)))],
    ids=["patches", "nodes"],
)
def test_scans_with_different_filters_are_not_compared(other):
    with pytest.raises(ConfigError, match="ONE and TWO differ in filters"):
        check_comparable(scopes(other))


async def test_what_does_not_apply_makes_no_difference(tmp_path):
    before = patched(1, ("KB1", "NotApplicable", "t"), ("KB2", "Installed", "t"))
    after = patched(1, ("KB2", "Installed", "t"), ("KB3", "NotApplicable", "t"))

    rows, *_ = await changes(tmp_path, [before], [after])

    assert brief(rows) == []


def test_scans_of_different_scopes_are_not_compared():
    with pytest.raises(ConfigError, match="ONE and TWO differ in scope"):
        check_comparable(scopes(Settings(scope=ScopeSettings(accounts=("111111111111",)))))


def test_how_large_the_pages_were_makes_no_difference():
    check_comparable(scopes(Settings(patches=PatchSettings(page_size=10))))


def scopes(other):
    return {name: comparable_part(request_of(each), demo=False) for name, each in (("ONE", Settings()), ("TWO", other))}


def test_sentences_count_every_kind_of_change_and_name_the_gap():
    kinds = {"fixed": 1_200, "missing": 2, "node_new": 1, "node_status": 3}

    assert list(sentences(kinds, Compared(40, 2, {"node_silent": 1}), "ONE", "TWO")) == [
        (
            "from ONE to TWO: patches 1,200 fixed, 2 newly missing, 0 superseded or withdrawn, "
            "0 changed otherwise, on 40 nodes read by both scans"
        ),
        "nodes 1 new, 3 with another status",
        "Unknown for 2 nodes: not read, or without patch data, in one of the two scans",
        "Unknown for 1 node: stale: the node has been silent since its last patch scan",
    ]


ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["Missing", "Failed", "Installed"]), st.sampled_from(["", "v1"])),
    max_size=5,
)


def listed(rows):
    """The (title, state) of each row of a KB id, in any order."""
    by_kb_id = {}
    for kb_id, state, title in rows:
        by_kb_id.setdefault(kb_id, Counter())[title, state] += 1
    return by_kb_id


@given(before=st.lists(ROWS, min_size=2, max_size=2), after=st.lists(ROWS, min_size=2, max_size=2))
@costly(10)
def test_there_is_a_row_for_each_patch_whose_rows_differ_and_for_no_other(before, after):
    expected = {
        (f"i-000{number}", kb_id)
        for number, (was, is_now) in enumerate(zip(before, after, strict=True))
        for kb_id in "ab"
        if listed(was).get(kb_id) != listed(is_now).get(kb_id)
    }

    with TemporaryDirectory() as folder:
        scans = ([patched(number, *rows) for number, rows in enumerate(nodes)] for nodes in (before, after))
        rows, _, _ = anyio.run(changes, folder, *scans)

    assert sorted((row["instance_id"], row["kb_id"]) for row in rows) == sorted(expected)
