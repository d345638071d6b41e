"""Accounts for every machine of a target: what EC2, Inventory, associations and baselines add to its nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from msgspec import Struct

from scanner.core.baselines import Baseline
from scanner.core.instances import Instance, Tags
from scanner.core.interfaces import Clock, MachineSources
from scanner.core.machines import AssociationScan, NotAsked
from scanner.core.model import ManagedNode, NodeStatus, PatchState
from scanner.scan.machines import UnlistedMachine, unlisted_machine
from scanner.scan.node_attempt import Deliver

T = TypeVar("T")

_AWS_TAGS = "aws:"  # the prefix of tags that AWS sets itself
_UNPATCHABLE = "Bottlerocket"  # registers with Systems Manager; Patch Manager cannot patch it
_RUNNING = frozenset({"pending", "running", "stopping", "stopped"})


class TargetFindings(Struct, frozen=True):
    """What a target's outcome says beside its nodes: sources that were not asked, and the baselines of its nodes."""

    not_asked: tuple[str, ...] = ()
    baselines: tuple[Baseline, ...] = ()


class TargetMachines:
    """The machines of one target. `load` comes before the first node, `unlisted` after the last page of nodes."""

    def __init__(
        self, sources: MachineSources, now: Clock, *, is_filtered_by_ping: bool, tag_keys: Collection[str] = ()
    ) -> None:
        self._sources = sources
        self._tag_keys = tag_keys
        self._now = now
        self._is_filtered_by_ping = is_filtered_by_ping
        self._instances: Mapping[str, Instance] = {}
        self._hybrid_tags: Mapping[str, Tags] | None = None
        self._listed: set[str] = set()
        self._baseline_ids: set[str] = set()
        self._not_asked: dict[str, None] = {}

    async def load(self) -> None:
        """Asks EC2 for the instances of the target.

        Raises:
            AwsError: EC2 refuses, and the settings require it.
        """
        self._instances = self._known(await self._sources.instances(), {})

    async def add(self, nodes: Collection[ManagedNode]) -> None:
        """Takes a page of managed nodes; the first hybrid one has the tags of all of them read.

        Raises:
            AwsError: the tags are refused, and the settings require them.
        """
        self._listed.update(node.instance_id for node in nodes)
        if self._hybrid_tags is None and any(_is_hybrid(node.instance_id) for node in nodes):
            self._hybrid_tags = self._known(await self._sources.hybrid_tags(), {})

    def instance(self, instance_id: str) -> Instance | None:
        """Returns what EC2 shows of a node, if it was asked and knows it."""
        return self._instances.get(instance_id)

    def tags(self, instance_id: str) -> Tags:
        """Returns the tags that the owner gave a machine, if the settings name keys those of them alone."""
        instance = self._instances.get(instance_id)
        tags = (self._hybrid_tags or {}).get(instance_id, ()) if instance is None else instance.tags
        return tuple(tag for tag in tags if self._is_delivered(tag[0]))

    def _is_delivered(self, key: str) -> bool:
        return key in self._tag_keys if self._tag_keys else not key.startswith(_AWS_TAGS)

    def use_state(self, state: PatchState | None) -> None:
        """Notes the baseline that a patch state names."""
        if state is not None and state.baseline_id is not None:
            self._baseline_ids.add(state.baseline_id)

    async def unlisted(self) -> list[UnlistedMachine]:
        """Returns the machines that the listing of managed nodes did not name.

        A filter by ping status leaves managed nodes out of the listing, so that nothing can be said of the others.

        Raises:
            AwsError: a source is refused, and the settings require it.
        """
        if self._is_filtered_by_ping:
            return []
        instances = [each for each in self._instances.values() if each.instance_id not in self._listed]
        needs_host_management = any(not each.has_instance_profile and each.operator is None for each in instances)
        is_on: bool | None = None
        if needs_host_management:
            is_on = self._known(await self._sources.is_host_management_on(), None)
        now = int(self._now() * 1000)
        ended = [unlisted_machine(each, is_host_management_on=is_on, now=now) for each in instances]
        machines = {each.node.instance_id: each for each in ended if each is not None}
        for node in self._known(await self._sources.inventory_nodes(), ()):
            instance_id, known = node.instance_id, machines.get(node.instance_id)
            if known is not None and known.status is NodeStatus.STOPPED:
                machines[instance_id] = UnlistedMachine(node.facts, known.status, known.reason)
            elif node.status == "Stopped" and instance_id not in self._instances and instance_id not in self._listed:
                machines[instance_id] = UnlistedMachine(node.facts, NodeStatus.STOPPED, "SSM Inventory says Stopped")
        return list(machines.values())

    async def settle(self, node: ManagedNode, decision: Deliver) -> tuple[Deliver, PatchState | None]:
        """Corroborates how a node ends with what other sources say; returns its end, and a state where it had none.

        Raises:
            AwsError: a source is refused, and the settings require it.
        """
        match decision.status:
            case NodeStatus.GONE:
                return await self._corroborated(node, decision), None
            case NodeStatus.NO_PATCH_DATA:
                return await self._without_patch_data(node, decision)
            case _:
                return decision, None

    async def _corroborated(self, node: ManagedNode, decision: Deliver) -> Deliver:
        instance = self._instances.get(node.instance_id)
        if instance is None or instance.state not in _RUNNING:
            return decision
        # It may have been terminated since EC2 was asked, which is no contradiction.
        instance = self._known(await self._sources.instances(), self._instances).get(node.instance_id)
        if instance is None or instance.state not in _RUNNING:
            return decision
        return Deliver(NodeStatus.FAILED, f"{decision.reason}; yet EC2 says {instance.state}")

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
        """Returns what the target's outcome says beside its nodes.

        Raises:
            AwsError: the baselines are refused, and the settings require them.
        """
        baselines = await self._sources.baselines(self._baseline_ids) if self._baseline_ids else ()
        return TargetFindings(baselines=tuple(self._known(baselines, ())), not_asked=tuple(self._not_asked))

    def _known(self, answer: T | NotAsked, otherwise: T) -> T:
        if not isinstance(answer, NotAsked):
            return answer
        if answer.reason is not None:
            self._not_asked[answer.reason] = None
        return otherwise


def _is_hybrid(instance_id: str) -> bool:
    return instance_id.startswith("mi-")


def _summary_reason(scan: AssociationScan) -> str:
    counted = "" if scan.state.missing_count is None else f", {scan.state.missing_count} missing"
    return (
        f"scanned by AWS-RunPatchBaselineAssociation: {scan.compliance or 'compliance unknown'}{counted}; "
        "AWS keeps no list of its patches"
    )
