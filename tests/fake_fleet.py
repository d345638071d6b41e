"""A fleet from a script: what each node answers at its first, second, … reading, pauses and errors included."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from scanner.core.baselines import Baseline
from scanner.core.errors import AwsError
from scanner.core.instances import Instance, Tags
from scanner.core.machines import AssociationScan, InventoryNode, NotAsked, SourceCheck
from scanner.core.model import CallCounts, ManagedNode, PatchState, Target
from scanner.core.patch_rows import Patch, PatchPage, patch_page
from scanner.core.state_names import COUNTED_STATES, documented_state

Answer = PatchPage | Exception


def patch(kb_id: str, state: str = "INSTALLED") -> Patch:
    return Patch(kb_id, state=state)


def pages(*rows: Sequence[Patch]) -> list[Answer]:
    """One reading: these rows page by page, with tokens that join them."""
    last = len(rows) - 1
    return [patch_page(list(page), None if i == last else f"token-{i}") for i, page in enumerate(rows)]


def state_of(instance_id: str, patches: Sequence[Patch], snapshot_id: str = "s1") -> PatchState:
    """The patch state whose counts agree with these rows."""
    states = Counter(documented_state(row.state or "") for row in patches)
    counts = {name: states[documented] for documented, name in COUNTED_STATES.items()}
    return PatchState(instance_id, snapshot_id=snapshot_id, operation_end_time=1, **counts)


@dataclass
class FakeNode:
    """`readings[n]` answers the n-th reading (the last one repeats), `states[n]` the n-th question for the state."""

    readings: list[list[Answer]]
    states: list[PatchState | None]
    reads: int = 0
    asked: int = 0
    position: dict[str | None, int] = field(default_factory=dict)

    def page(self, token: str | None) -> Answer:
        if token is None:
            self.reads += 1
            self.position = {None: 0}
        reading = self.readings[min(self.reads, len(self.readings)) - 1]
        index = self.position[token]
        answer = reading[index]
        if isinstance(answer, PatchPage) and answer.next_token is not None:
            self.position.setdefault(answer.next_token, index + 1)
        return answer

    def state(self) -> PatchState | None:
        self.asked += 1
        return self.states[min(self.asked, len(self.states)) - 1]


@dataclass
class FakeSources:
    """Answers for the sources beside the patch calls; None stands for one that the settings turn off."""

    ec2: dict[str, Instance] | NotAsked | None = None
    host_management: bool | NotAsked = False
    inventory: list[InventoryNode] | NotAsked | None = None
    tags: dict[str, Tags] | NotAsked | None = None
    associations: dict[str, AssociationScan] | NotAsked | None = None
    known_baselines: list[Baseline] | NotAsked | None = None
    checks: list[SourceCheck] = field(default_factory=list)
    odd: list[NotAsked] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def refused(self, instance_id):
        self.asked.append(f"refused {instance_id}")
        return self.checks

    def unread(self):
        return self.odd

    async def instances(self, known=None):
        found = self._answer("instances", self.ec2)
        return found if isinstance(found, NotAsked) else dict(found)

    async def is_host_management_on(self):
        return self._answer("host management", self.host_management)

    async def stopped_nodes(self, instance_ids):
        found = self._answer("inventory", self.inventory)
        if isinstance(found, NotAsked):
            return found
        return [node for node in found if node.status == "Stopped" or node.instance_id in instance_ids]

    async def hybrid_tags(self):
        return self._answer("tags", self.tags)

    async def association_scan(self, instance_id):
        found = self._answer("association", self.associations)
        return found if isinstance(found, NotAsked) else found.get(instance_id)

    async def baselines(self, baseline_ids):
        found = self._answer("baselines", self.known_baselines)
        return found if isinstance(found, NotAsked) else [each for each in found if each.baseline_id in baseline_ids]

    def _answer(self, name, answer):
        self.asked.append(name)
        return NotAsked() if answer is None else answer


@dataclass
class FakeTarget:
    nodes: dict[str, FakeNode]
    open_error: AwsError | None = None
    nodes_error: AwsError | None = None
    states_error: AwsError | None = None
    page_of: int = 50
    state_calls: list[list[str]] = field(default_factory=list)
    reading_now: int = 0
    most_at_once: int = 0
    filters: list[tuple[str, ...]] = field(default_factory=list)
    counts: CallCounts = field(default_factory=CallCounts)
    sources: FakeSources = field(default_factory=FakeSources)

    async def list_nodes(self) -> AsyncIterator[list[ManagedNode]]:
        ids = list(self.nodes)
        for start in range(0, len(ids), self.page_of):
            await anyio.lowlevel.checkpoint()
            yield [ManagedNode(instance_id) for instance_id in ids[start : start + self.page_of]]
        if self.nodes_error:
            raise self.nodes_error

    async def patch_states(self, instance_ids: Sequence[str]) -> Mapping[str, PatchState]:
        await anyio.lowlevel.checkpoint()
        self.state_calls.append(list(instance_ids))
        if self.states_error:
            raise self.states_error
        found = {instance_id: self.nodes[instance_id].state() for instance_id in instance_ids}
        return {instance_id: state for instance_id, state in found.items() if state is not None}

    async def patch_page(self, instance_id: str, next_token: str | None, states: tuple[str, ...] = ()) -> PatchPage:
        self.filters.append(states)
        self.reading_now += 1
        self.most_at_once = max(self.most_at_once, self.reading_now)
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            self.reading_now -= 1
        answer = self.nodes[instance_id].page(next_token)
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Reader:
    def __init__(self, target: FakeTarget) -> None:
        self._target = target
        self.counts = target.counts
        self.nodes = target.list_nodes
        self.patch_states = target.patch_states
        self.patch_page = target.patch_page
        self.sources = target.sources


@dataclass
class FakeFleet:
    targets: dict[Target, FakeTarget]
    open_now: int = 0
    most_open: int = 0

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[_Reader]:
        fake = self.targets[target]
        if fake.open_error:
            raise fake.open_error
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            yield _Reader(fake)
        finally:
            self.open_now -= 1
