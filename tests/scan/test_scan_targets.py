"""Targets and nodes read side by side, from a scripted fleet."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest
from msgspec import structs

from scanner.core.errors import Denied, Disabled, NodeGone, PaginationBroken, RequestRejected, Unavailable
from scanner.core.filtered_pages import FilteredPages
from scanner.core.interfaces import Observer
from scanner.core.model import NodeStatus, PatchState, Target, TargetStatus
from scanner.core.patch_rows import NO_PATCHES, patch_page, patch_rows_of
from scanner.core.state_names import REFRESHED_STATES, wire_state
from scanner.scan.choice import CarryAll, ReadWhole, Refresh
from scanner.scan.filter_measure import FilterMeasure
from scanner.scan.job import ReadingRules, ScanJob
from scanner.scan.reconcile import comparable_states
from scanner.scan.scan_targets import scan_targets
from tests.fake_fleet import FakeFleet, FakeNode, FakeTarget, pages, patch, state_of

RULES = ReadingRules((), comparable_states((), other_filters=False), max_nodes=4, max_restarts=3)
HERE = Target("111111111111", "eu-west-1")
THERE = Target("222222222222", "eu-west-1")


def node(*rows, reads=None, states=None, instance_id="i-1"):
    rows = list(rows)
    return FakeNode(reads or [pages(rows)], states or [state_of(instance_id, rows)])


async def scan(targets, *, rules=RULES, max_open_targets=4, **kwargs):
    """The outcomes by target, and the delivered nodes in order."""
    delivered = []

    async def deliver(scan):
        await anyio.lowlevel.checkpoint()
        delivered.append(scan)

    fleet = FakeFleet(targets)
    job = ScanJob(rules, max_open_targets, deliver, now=lambda: 1.5, **kwargs)
    outcomes = await scan_targets(targets, fleet, job)
    assert fleet.open_now == 0
    assert fleet.most_open <= max_open_targets
    return {outcome.target: outcome for outcome in outcomes}, delivered


async def scan_one(fake_node, **kwargs):
    _, delivered = await scan({HERE: FakeTarget({"i-1": fake_node})}, **kwargs)
    (only,) = delivered
    return only


async def test_every_node_of_every_target_is_delivered_once():
    targets = {
        Target(f"{account:012}", region): FakeTarget(
            {f"i-{n}": node(patch("a"), instance_id=f"i-{n}") for n in range(120)}
        )
        for account in range(3)
        for region in ("eu-west-1", "us-east-1")
    }

    outcomes, delivered = await scan(targets)

    assert set(outcomes) == set(targets)
    assert all(o.status is TargetStatus.SCANNED and o.nodes == 120 and o.patch_rows == 120 for o in outcomes.values())
    assert len({(scan.target, scan.node.instance_id) for scan in delivered}) == len(delivered) == 720
    assert {scan.status for scan in delivered} == {NodeStatus.VERIFIED}


async def test_no_more_nodes_of_a_target_are_read_side_by_side_than_allowed():
    target = FakeTarget({f"i-{n}": node(patch("a"), instance_id=f"i-{n}") for n in range(50)})

    await scan({HERE: target})

    assert target.most_at_once == RULES.max_nodes


async def test_one_bad_target_does_not_spoil_the_others():
    outcomes, delivered = await scan(
        {
            HERE: FakeTarget({}, open_error=Denied("no role")),
            Target("333333333333", "x"): FakeTarget({}, nodes_error=Disabled("not enabled")),
            Target("444444444444", "x"): FakeTarget({}, nodes_error=Unavailable("down")),
            THERE: FakeTarget({"i-1": node(patch("a"))}),
        }
    )

    assert Counter(outcome.status.value for outcome in outcomes.values()) == {
        "denied": 1,
        "disabled": 1,
        "failed": 1,
        "scanned": 1,
    }
    assert outcomes[HERE].reason == "no role"
    assert [scan.target for scan in delivered] == [THERE]


async def test_nodes_found_before_the_listing_broke_off_are_delivered():
    target = FakeTarget({"i-1": node(patch("a"))}, nodes_error=Unavailable("down"))

    outcomes, delivered = await scan({HERE: target})

    assert outcomes[HERE].status is TargetStatus.FAILED
    assert outcomes[HERE].nodes == len(delivered) == 1


async def test_pages_are_merged_in_order_and_duplicates_are_kept():
    rows = [patch("a"), patch("b"), patch("a")]

    delivered = await scan_one(FakeNode([pages(rows[:2], [], rows[2:])], [state_of("i-1", rows)]))

    assert (delivered.status, delivered.pages, delivered.patches) == (NodeStatus.VERIFIED, 3, patch_rows_of(rows))
    assert delivered.patches.column("kb_id") == ["a", "b", "a"]


@pytest.mark.parametrize("form", [str, wire_state])
async def test_rows_are_delivered_as_listed_and_hold_against_the_counts_in_either_form_of_the_state(form):
    rows = [patch("a", form("INSTALLED_OTHER")), patch("b", form("MISSING")), patch("c", form("NOT_APPLICABLE"))]
    state = PatchState("i-1", snapshot_id="s1", operation_end_time=1, installed_other_count=1, missing_count=1)

    delivered = await scan_one(FakeNode([pages(rows)], [state]))

    assert (delivered.status, delivered.patches) == (NodeStatus.VERIFIED, patch_rows_of(rows))


async def test_broken_pagination_drops_what_was_read_and_starts_again():
    rows = [patch("a"), patch("b")]
    broken = [patch_page([patch("a")], "t"), PaginationBroken("refused")]

    delivered = await scan_one(FakeNode([broken, pages(rows[:1], rows[1:])], [state_of("i-1", rows)]))

    assert delivered.status is NodeStatus.VERIFIED
    assert delivered.patches.column("kb_id") == ["a", "b"]
    assert (delivered.restarts, delivered.pages) == (1, 3)


async def test_pagination_that_stays_broken_fails_the_node_after_the_allowed_restarts():
    fake = FakeNode([[patch_page([], "t"), patch_page([], "t")]], [state_of("i-1", [])])

    delivered = await scan_one(fake)

    assert (delivered.status, delivered.restarts, fake.reads) == (NodeStatus.FAILED, 3, 4)
    assert "twice" in delivered.reason
    assert delivered.patches == NO_PATCHES


@pytest.mark.parametrize(
    ("error", "status"),
    [(NodeGone("left"), NodeStatus.GONE), (Denied("tag"), NodeStatus.DENIED), (Unavailable("x"), NodeStatus.FAILED)],
)
async def test_a_node_that_cannot_be_read_is_named_and_its_neighbour_delivered(error, status):
    bad = FakeNode([[patch_page([patch("a")], "t"), error]], [state_of("i-1", [])])
    target = FakeTarget({"i-1": bad, "i-2": node(patch("a"), instance_id="i-2")})

    outcomes, delivered = await scan({HERE: target})

    by_id = {scan.node.instance_id: scan for scan in delivered}
    assert (by_id["i-1"].status, by_id["i-1"].patches) == (status, NO_PATCHES)
    assert by_id["i-2"].status is NodeStatus.VERIFIED
    assert outcomes[HERE].status is TargetStatus.SCANNED


async def test_an_operation_that_ends_during_the_pagination_yields_the_new_rows_only():
    old, new = [patch("old1"), patch("old2")], [patch("new1"), patch("new2")]
    mixed = pages([old[0]], [new[1]])
    fake = FakeNode([mixed, pages([new[0]], [new[1]])], [state_of("i-1", old, "s1"), state_of("i-1", new, "s2")])

    delivered = await scan_one(fake)

    assert (delivered.status, delivered.patches) == (NodeStatus.VERIFIED, patch_rows_of(new))
    assert delivered.state.snapshot_id == "s2"


async def test_counts_that_never_agree_are_delivered_as_mismatched_after_one_more_reading():
    fake = FakeNode([pages([patch("a")])], [state_of("i-1", [])])

    delivered = await scan_one(fake)

    assert (delivered.status, fake.reads) == (NodeStatus.MISMATCHED, 2)
    assert delivered.reason == "INSTALLED has 1 rows where AWS counts 0"
    assert delivered.patches.column("kb_id") == ["a"]


async def test_a_node_that_moves_all_the_time_ends_as_mismatched():
    states = [state_of("i-1", [], f"s{n}") for n in range(20)]
    fake = FakeNode([pages([], [])], states)

    delivered = await scan_one(fake)

    assert (delivered.status, fake.reads) == (NodeStatus.MISMATCHED, RULES.max_restarts + 1)


async def test_a_patch_state_that_one_answer_left_out_is_found_by_the_second_look():
    rows = [patch("a")]
    fake = FakeNode([pages(rows)], [None, state_of("i-1", rows)])

    delivered = await scan_one(fake)

    assert (delivered.status, delivered.reason, fake.reads) == (NodeStatus.VERIFIED, None, 1)


async def test_a_node_that_was_never_scanned_is_asked_once_and_has_no_patch_data():
    fake = FakeNode([pages([])], [None])

    delivered = await scan_one(fake)

    assert (delivered.status, fake.reads) == (NodeStatus.NO_PATCH_DATA, 1)


async def test_second_looks_are_asked_for_a_batch_in_one_call():
    rows = [patch("a"), patch("b")]
    nodes = {f"i-{n}": FakeNode([pages(rows[:1], rows[1:])], [state_of(f"i-{n}", rows)]) for n in range(50)}
    target = FakeTarget(nodes)

    await scan({HERE: target})

    assert [len(ids) for ids in target.state_calls] == [50, 50]


async def test_nodes_whose_patch_states_cannot_be_read_are_named():
    target = FakeTarget({"i-1": node(patch("a"))}, states_error=Denied("not authorized"))

    _, delivered = await scan({HERE: target})

    assert [(scan.status, scan.reason) for scan in delivered] == [(NodeStatus.DENIED, "not authorized")]


async def test_nodes_that_an_earlier_run_delivered_are_not_read_again():
    target = FakeTarget({"i-1": node(patch("a")), "i-2": node(patch("a"), instance_id="i-2")})

    outcomes, delivered = await scan({HERE: target}, done={("111111111111", "eu-west-1"): {"i-1"}})

    assert [scan.node.instance_id for scan in delivered] == ["i-2"]
    assert target.nodes["i-1"].reads == 0
    assert target.state_calls == [["i-2"]]
    assert outcomes[HERE].nodes == 1


async def test_an_unchanged_node_is_not_read():
    fake = node(patch("a"))

    def choose(_target, state):
        return CarryAll() if state.snapshot_id == "s1" else ReadWhole()

    delivered = await scan_one(fake, choose=choose)

    assert (delivered.status, fake.reads) == (NodeStatus.UNCHANGED, 0)


REFRESHED_ROWS = [patch("m", "Missing")]
ALL_ROWS = [patch("a"), *REFRESHED_ROWS]


def refreshed_first(whole=ALL_ROWS):
    """A node that lists what is lacking at first, and everything when it is read again."""
    return FakeTarget({"i-1": FakeNode([pages(REFRESHED_ROWS), pages(whole)], [state_of("i-1", ALL_ROWS)])})


@pytest.mark.parametrize(
    ("is_old", "status", "filters"),
    [
        (False, NodeStatus.REFRESHED, [REFRESHED_STATES]),
        (True, NodeStatus.VERIFIED, [REFRESHED_STATES, ()]),
    ],
)
async def test_a_refreshed_node_is_read_whole_if_a_lacking_patch_proves_its_carried_rows_old(is_old, status, filters):
    target = refreshed_first()

    _, (delivered,) = await scan({HERE: target}, choose=lambda *_: Refresh(lambda kb_ids: is_old and kb_ids == ["m"]))

    assert (delivered.status, target.filters) == (status, filters)
    assert delivered.patches == patch_rows_of(ALL_ROWS if is_old else REFRESHED_ROWS)


async def test_a_node_is_not_refreshed_where_that_costs_as_many_pages_as_reading_it_whole():
    costly = FilterMeasure(FilteredPages(pages=90, if_first=10, if_after=90))
    target = FakeTarget({"i-1": FakeNode([pages(ALL_ROWS)], [state_of("i-1", ALL_ROWS)])})

    _, (delivered,) = await scan({HERE: target}, choose=lambda *_: Refresh(lambda _: False), filtering=costly)

    assert (delivered.status, target.filters) == (NodeStatus.VERIFIED, [()])


async def test_a_node_of_which_aws_counts_no_wanted_patch_costs_no_call():
    rules = structs.replace(RULES, states=("MISSING",), comparable=frozenset({"MISSING"}))
    target = FakeTarget({"i-1": FakeNode([], [state_of("i-1", [patch("a")])])})

    _, (delivered,) = await scan({HERE: target}, rules=rules)

    assert (delivered.status, delivered.pages, target.filters) == (NodeStatus.VERIFIED, 0, [])


async def test_a_request_that_aws_calls_wrong_stops_the_run():
    bad = FakeNode([[RequestRejected("InvalidFilter")]], [None])

    with pytest.raises(RequestRejected, match="InvalidFilter"):
        await scan({HERE: FakeTarget({"i-1": bad})})


class Watcher(Observer):
    def __init__(self):
        self.events = []

    def scan_opened(self, scope):
        self.events.append(("scan", scope))

    def target_opened(self, target, counts):
        self.events.append(("opened", target))

    def nodes_found(self, target, count):
        self.events.append(("found", target, count))

    def node_ended(self, scan):
        self.events.append(("node", scan.node.instance_id))

    def target_ended(self, outcome):
        self.events.append(("ended", outcome.status))


async def test_observers_hear_of_every_step_in_order():
    watcher = Watcher()

    await scan({HERE: FakeTarget({"i-1": node(patch("a"))})}, observers=[watcher])

    assert watcher.events == [
        ("opened", HERE),
        ("found", HERE, 1),
        ("node", "i-1"),
        ("ended", TargetStatus.SCANNED),
    ]
