"""Accounts for every machine of a target: what EC2, Inventory, associations and baselines add to its nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from typing import TypeVar

import anyio
from msgspec import Struct

from scanner.core.baselines import Baseline
from scanner.core.errors import AwsError
from scanner.core.instances import Instance, Tags
from scanner.core.interfaces import Clock
from scanner.core.machine_sources import MachineSources
from scanner.core.machines import AssociationScan, NotAsked
from scanner.core.model import ManagedNode, NodeStatus, PatchState
from scanner.core.settings import NodeSettings
from scanner.scan.machines import UnlistedMachine, has_tags, unlisted_machine
from scanner.scan.node_attempt import Deliver

T = TypeVar("T")

_AWS_TAGS = "aws:"  # the prefix of tags that AWS sets itself
_UNPATCHABLE = "Bottlerocket"  # registers with Systems Manager; Patch Manager cannot patch it
_IN_USE = frozenset({"pending", "running", "stopping", "stopped"})

#: Why nothing is said of machines that the listing does not name.
LISTING_IS_FILTERED = (
    "a filter by platform or ping status leaves managed nodes out of the listing, so the machines that Systems Manager "
    "does not list are not counted"
)


class TargetFindings(Struct, frozen=True):
    """What a target's outcome says beside its nodes: sources that were not asked, and the baselines of its nodes.

    `gap` is the error of a required source that was refused: the nodes are delivered, and the target is a gap.
    """

    not_asked: tuple[str, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    gap: AwsError | None = None


class TargetMachines:
    """The machines of one target. `load` comes before the first node, `unlisted` after the last page of nodes.

    `baseline_ids` are those that nodes of an earlier run name, which are not read again.
    """

    def __init__(
        self, sources: MachineSources, now: Clock, wanted: NodeSettings, *, baseline_ids: Collection[str] = ()
    ) -> None:
        self._sources = sources
        self._now = now
        self._wanted = wanted
        self._instances: MutableMapping[str, Instance] = {}
        self._hybrid_tags: Mapping[str, Tags] | None = None
        self._listed: set[str] = set()
        self._baseline_ids = set(baseline_ids)
        self._not_asked: dict[str, None] = {}
        self._gap: AwsError | None = None
        self._asking_again = anyio.Lock()  # one look at EC2 serves all nodes that left by then

    async def load(self) -> None:
        """Asks EC2 for the instances of the target."""
        self._instances = self._known(await self._sources.instances(), {})

    async def add(self, nodes: Collection[ManagedNode]) -> None:
        """Takes a page of managed nodes; the first hybrid one has the tags of all of them read."""
        self._listed.update(node.instance_id for node in nodes)
        if self._hybrid_tags is None and any(_is_hybrid(node.instance_id) for node in nodes):
            self._hybrid_tags = self._known(await self._sources.hybrid_tags(), {})

    def take(self, instance_id: str) -> tuple[Instance | None, Tags]:
        """Returns what EC2 shows of a node, if it was asked and knows it, and the tags that the owner gave the node.

        A node ends once, and what is known of it is not kept any longer. If the settings name keys, the tags are those.
        """
        instance = self._instances.pop(instance_id, None)
        tags = (self._hybrid_tags or {}).get(instance_id, ()) if instance is None else instance.tags
        wanted = self._wanted.tag_keys
        if wanted:
            return instance, tuple([tag for tag in tags if tag[0] in wanted])
        return instance, tuple([tag for tag in tags if not tag[0].startswith(_AWS_TAGS)])

    def use_state(self, state: PatchState | None) -> None:
        """Notes the baseline that a patch state names."""
        if state is not None and state.baseline_id is not None:
            self._baseline_ids.add(state.baseline_id)

    async def unlisted(self) -> list[UnlistedMachine]:
        """Returns the wanted machines that the listing of managed nodes did not name.

        The listing has the nodes with the wanted tags, so of instances with these tags it shows which are not managed.
        A filter by platform or ping status leaves managed nodes out, so that nothing can be said of the others.
        """
        if self._wanted.platform_types or self._wanted.ping_statuses:
            if self._instances:
                self._not_asked[LISTING_IS_FILTERED] = None
            return []
        others = (self._instances[instance_id] for instance_id in self._instances if instance_id not in self._listed)
        instances = [each for each in others if has_tags(each, self._wanted.tags)]
        needs_host_management = any(not each.has_instance_profile and each.operator is None for each in instances)
        is_on: bool | None = None
        if needs_host_management:
            is_on = self._known(await self._sources.is_host_management_on(), None)
        now = int(self._now() * 1000)
        ended = [unlisted_machine(each, is_host_management_on=is_on, now=now) for each in instances]
        machines = {each.node.instance_id: each for each in ended if each is not None}
        stopped = {instance_id for instance_id, each in machines.items() if each.status is NodeStatus.STOPPED}
        for node in self._known(await self._sources.stopped_nodes(stopped), ()):
            instance_id = node.instance_id
            if instance_id in stopped:
                known = machines[instance_id]
                machines[instance_id] = UnlistedMachine(node.facts, known.status, known.reason)
            elif self._is_unknown(instance_id):
                machines[instance_id] = UnlistedMachine(node.facts, NodeStatus.STOPPED, "SSM Inventory says Stopped")
        return list(machines.values())

    def _is_unknown(self, instance_id: str) -> bool:
        """Returns whether only Inventory knows the machine. Its tags are not known, so none is wanted by its tags."""
        return instance_id not in self._instances and instance_id not in self._listed and not self._wanted.tags

    async def settle(self, node: ManagedNode, decision: Deliver) -> tuple[Deliver, PatchState | None]:
        """Corroborates how a node ends with what other sources say; returns its end, and a state where it had none."""
        match decision.status:
            case NodeStatus.GONE:
                return await self._corroborated(node, decision), None
            case NodeStatus.NO_PATCH_DATA:
                return await self._without_patch_data(node, decision)
            case _:
                return decision, None

    async def _corroborated(self, node: ManagedNode, decision: Deliver) -> Deliver:
        if self._state_in_use(node) is not None:
            # It may have been terminated since EC2 was asked, which is no contradiction.
            async with self._asking_again:
                if self._state_in_use(node) is not None:
                    again = await self._sources.instances(self._instances)
                    self._instances = self._known(again, self._instances)
        state = self._state_in_use(node)
        return decision if state is None else Deliver(NodeStatus.FAILED, f"{decision.reason}; yet EC2 says {state}")

    def _state_in_use(self, node: ManagedNode) -> str | None:
        """Returns the state of an instance that has not left; None: it has, or EC2 does not know it."""
        instance = self._instances.get(node.instance_id)
        return instance.state if instance is not None and instance.state in _IN_USE else None

    async def _without_patch_data(self, node: ManagedNode, decision: Deliver) -> tuple[Deliver, PatchState | None]:
        if node.platform_name == _UNPATCHABLE:
            return Deliver(decision.status, f"Patch Manager cannot patch {_UNPATCHABLE}"), None
        if _is_hybrid(node.instance_id):
            return decision, None
        scan = self._known(await self._sources.association_scan(node.instance_id), None)
        if scan is None:
            return decision, None
        return Deliver(NodeStatus.SUMMARY_ONLY, _summary_reason(scan)), scan.state

    async def findings(self) -> TargetFindings:
        """Returns what the target's outcome says beside its nodes."""
        baselines = await self._sources.baselines(self._baseline_ids) if self._baseline_ids else ()
        known = tuple(self._known(baselines, ()))
        for unread in self._sources.unread():
            self._known(unread, None)
        return TargetFindings(tuple(self._not_asked), known, self._gap)

    def _known(self, answer: T | NotAsked, otherwise: T) -> T:
        if not isinstance(answer, NotAsked):
            return answer
        if answer.reason is not None:
            self._not_asked[answer.reason] = None
        self._gap = self._gap or answer.gap
        return otherwise


def _is_hybrid(instance_id: str) -> bool:
    return instance_id.startswith("mi-")


def _summary_reason(scan: AssociationScan) -> str:
    counted = "" if scan.state.missing_count is None else f", {scan.state.missing_count} missing"
    return (
        f"scanned by AWS-RunPatchBaselineAssociation: {scan.compliance or 'compliance unknown'}{counted}; "
        "AWS keeps no list of its patches"
    )
