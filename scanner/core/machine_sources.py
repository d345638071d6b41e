"""What the scan asks of the sources beside the four patch calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from typing import Protocol

from scanner.core.baselines import Baseline
from scanner.core.instances import Instance, Tags
from scanner.core.machines import AssociationScan, InventoryNode, NotAsked, SourceCheck


class MachineSources(Protocol):
    """Asks a target what others than the four patch calls know of its machines.

    `NotAsked` stands for a source that the settings turn off, or that AWS refuses. What a listing brought before it
    broke off is returned, and `unread` says so. No method raises an `AwsError`: the nodes are read whatever becomes of
    these.
    """

    async def instances(self, known: Mapping[str, Instance] = ...) -> MutableMapping[str, Instance] | NotAsked:
        """Returns the EC2 instances by id, those that a service of AWS manages too; the caller takes them out.

        Where the listing breaks off, `known`, the instances of an earlier one, stand for those that it did not reach.
        """
        ...

    async def is_host_management_on(self) -> bool | NotAsked:
        """Returns whether instances without an instance profile become managed nodes too."""
        ...

    async def stopped_nodes(self, instance_ids: Collection[str]) -> Sequence[InventoryNode] | NotAsked:
        """Returns the nodes that SSM Inventory calls stopped, and what it keeps of those with these ids."""
        ...

    async def hybrid_tags(self) -> Mapping[str, Tags] | NotAsked:
        """Returns the tags of hybrid nodes by instance id."""
        ...

    async def association_scan(self, instance_id: str) -> AssociationScan | NotAsked | None:
        """Returns what AWS-RunPatchBaselineAssociation left of a node; None: nothing."""
        ...

    async def baselines(self, baseline_ids: Collection[str]) -> Sequence[Baseline] | NotAsked:
        """Returns the baselines with these short ids, as far as AWS has them."""
        ...

    def unread(self) -> Sequence[NotAsked]:
        """Returns what of the answers so far could not be read: single members, and the ends of listings."""
        ...

    async def refused(self, instance_id: str | None) -> Sequence[SourceCheck]:
        """Tries each kind of request that the methods above send, about this node; returns those that do not work."""
        ...
