"""Random faults at every call of a scripted fleet: each node once, verified rows of one patching operation only."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.core.errors import Denied, NodeGone, PaginationBroken, Unavailable
from scanner.core.model import CallCounts, ManagedNode, NodeStatus, PatchState, Target
from scanner.core.patch_rows import NO_PATCHES, Patch, patch_page, patch_rows_of
from scanner.core.state_names import COUNTED_STATES, documented_state, wire_state
from scanner.scan.job import ReadingRules, ScanJob
from scanner.scan.reconcile import comparable_states, disagreements
from scanner.scan.scan_targets import scan_targets
from tests.fake_fleet import FakeSources

HERE = Target("111111111111", "eu-west-1")
COMPARABLE = comparable_states((), other_filters=False)
RULES = ReadingRules((), COMPARABLE, max_nodes=3, max_restarts=3)
ERRORS = {"broken": PaginationBroken, "unavailable": Unavailable, "gone": NodeGone, "denied": Denied}
A_PAGE = 2

patch_states = st.sampled_from([*COUNTED_STATES, "NOT_APPLICABLE"])
generations = st.lists(patch_states, max_size=7)
page_acts = st.sampled_from(["ok", "ok", "ok", "patched", "patched after", *ERRORS])
state_acts = st.sampled_from(["ok", "ok", "ok", "patched", "lost"])


@st.composite
def nodes(draw):
    return ScriptedNode(
        generations=draw(st.lists(generations, min_size=1, max_size=4)),
        page_acts=draw(st.lists(page_acts, max_size=12)),
        state_acts=draw(st.lists(state_acts, max_size=8)),
        tokens_go_on=draw(st.booleans()),
        miscounted=draw(st.booleans()),
        has_state=draw(st.integers(0, 4)) > 0,
    )


class ScriptedNode:
    """A node of which every call may go wrong; patching operations give it the rows of the next generation."""

    def __init__(self, *, generations, page_acts, state_acts, tokens_go_on, miscounted, has_state):
        self._generations = generations
        self._page_acts = iter(page_acts)
        self._state_acts = iter(state_acts)
        self._tokens_go_on = tokens_go_on
        self.miscounted = miscounted
        self.has_state = has_state
        self.number = 0
        self.happened = Counter()

    def __repr__(self):
        return f"ScriptedNode({vars(self)})"

    def rows(self, number):
        states = self._generations[number % len(self._generations)]
        return [Patch(f"KB{number}-{n}", state=wire_state(state)) for n, state in enumerate(states)]

    def _patch(self):
        self.number += 1
        self.happened["patched"] += 1

    def page(self, token):
        act = next(self._page_acts, "ok")
        if act in ERRORS:
            self.happened[act] += 1
            raise ERRORS[act](act)
        if act == "patched":
            self._patch()
        page = self._page(token)
        if act == "patched after":
            self._patch()
        return page

    def _page(self, token):
        at, number = map(int, token.split("/")) if token else (0, self.number)
        if number != self.number and not self._tokens_go_on:
            raise PaginationBroken("the rows were replaced")
        rows = self.rows(self.number)
        end = at + A_PAGE
        return patch_page(rows[at:end], f"{end}/{self.number}" if end < len(rows) else None)

    def state(self, instance_id):
        act = next(self._state_acts, "ok")
        if act == "patched":
            self._patch()
        if act == "lost" or not self.has_state:
            self.happened["lost"] += act == "lost"
            return None
        counts = Counter(documented_state(row.state) for row in self.rows(self.number))
        named = {name: counts[state] for state, name in COUNTED_STATES.items()}
        named["missing_count"] += self.miscounted
        return PatchState(instance_id, snapshot_id=f"s{self.number}", operation_end_time=self.number + 1, **named)


class ScriptedTarget:
    """Implements a reader and a fleet of one target."""

    def __init__(self, nodes):
        self._nodes = nodes
        self.counts = CallCounts()
        self.sources = FakeSources()

    @asynccontextmanager
    async def open(self, target):
        yield self

    async def nodes(self):
        ids = list(self._nodes)
        for start in range(0, len(ids), 2):
            await anyio.lowlevel.checkpoint()
            yield [ManagedNode(instance_id) for instance_id in ids[start : start + 2]]

    async def patch_states(self, instance_ids):
        await anyio.lowlevel.checkpoint()
        found = {instance_id: self._nodes[instance_id].state(instance_id) for instance_id in instance_ids}
        return {instance_id: state for instance_id, state in found.items() if state}

    async def patch_page(self, instance_id, next_token, states=()):
        await anyio.lowlevel.checkpoint()
        return self._nodes[instance_id].page(next_token)


def scanned(nodes):
    delivered = []

    async def deliver(scan):
        await anyio.lowlevel.checkpoint()
        delivered.append(scan)

    anyio.run(scan_targets, [HERE], ScriptedTarget(nodes), ScanJob(RULES, 1, deliver, now=lambda: 1.0))
    return delivered


@settings(max_examples=300)
@given(st.lists(nodes(), max_size=6))
def test_whatever_happens_while_nodes_are_read(listed):
    nodes = {f"i-{n}": node for n, node in enumerate(listed)}

    delivered = scanned(nodes)

    assert sorted(scan.node.instance_id for scan in delivered) == sorted(nodes)
    for scan in delivered:
        assert_told_right(scan, nodes[scan.node.instance_id])


def assert_told_right(scan, node):
    of_one_operation = [scan.patches == patch_rows_of(node.rows(number)) for number in range(node.number + 1)]
    match scan.status:
        case NodeStatus.VERIFIED:
            assert any(of_one_operation)
            rows = Counter(map(documented_state, scan.patches.column("state")))
            assert scan.state is None or not disagreements(scan.state, rows, COMPARABLE)
            assert scan.state is not None or scan.reason
        case NodeStatus.MISMATCHED:
            assert scan.reason
            assert node.miscounted or node.happened["patched"] or node.happened["lost"]
        case NodeStatus.NO_PATCH_DATA:
            assert scan.patches == NO_PATCHES
            assert not node.has_state or node.happened["lost"]
        case _:
            assert scan.status in (NodeStatus.GONE, NodeStatus.DENIED, NodeStatus.FAILED)
            assert scan.reason
            assert scan.patches == NO_PATCHES
            assert set(node.happened) & {*ERRORS, "patched"}
    if not node.happened:
        assert (scan.status is NodeStatus.MISMATCHED) == (node.miscounted and node.has_state)
        assert any(of_one_operation)
