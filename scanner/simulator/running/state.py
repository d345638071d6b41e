"""The current state of the world: what changed since it was built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import structs

from scanner.simulator.generate.baselines import baseline_of
from scanner.simulator.generate.facts import WirePatchState, wire_patch_state
from scanner.simulator.generate.machines import machine_of
from scanner.simulator.generate.patches import NodePatches, patches_of
from scanner.simulator.world.machines import Baseline, Machine
from scanner.simulator.world.organization import AccountStatus, Node, Region, RegionStatus, Trait, World


class WorldState:
    """A world and the changes to it during a run: nodes patched, added or gone, roles revoked, Regions disabled."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.revoked: set[str] = set()
        """Ids of accounts whose role is gone."""
        self.disabled: set[tuple[str, str]] = set()
        """(account id, Region) that were disabled."""
        self._generations: Counter[int] = Counter()
        self._rescans: Counter[int] = Counter()
        self._supersessions: Counter[int] = Counter()
        self._indexes: dict[tuple[str, str], dict[str, Node]] = {}
        self._changed: dict[tuple[str, str], Region] = {}

    def region(self, account_id: str, region: str) -> Region | None:
        return self._changed.get((account_id, region)) or self.world.accounts[account_id].regions.get(region)

    def set_nodes(self, account_id: str, region: str, nodes: Sequence[Node]) -> None:
        """Gives the Region these nodes from now on, in this order.

        Raises:
            KeyError: there is no such Region.
        """
        found = self.region(account_id, region)
        if found is None:
            raise KeyError(region)
        self._changed[account_id, region] = structs.replace(found, nodes=tuple(nodes))
        self._indexes.pop((account_id, region), None)

    def set_baselines(self, account_id: str, baselines: Sequence[Baseline]) -> None:
        """Gives an account these patch baselines of its own from now on."""
        account = structs.replace(self.world.accounts[account_id], baselines=tuple(baselines))
        self.world = structs.replace(self.world, accounts={**self.world.accounts, account_id: account})

    def region_status(self, account_id: str, region: str) -> RegionStatus:
        """Returns whether the account can use the Region; one that the world does not name is not enabled."""
        found = self.region(account_id, region)
        if found is None or (account_id, region) in self.disabled:
            return RegionStatus.NOT_ENABLED
        return found.status

    def can_be_assumed(self, account_id: str) -> bool:
        """Returns whether the role in the account can be assumed with the right external id."""
        account = self.world.accounts.get(account_id)
        return (
            account is not None
            and account.has_role
            and account.status is AccountStatus.ACTIVE
            and account_id not in self.revoked
        )

    def node(self, account_id: str, region: str, instance_id: str) -> Node | None:
        index = self._indexes.get((account_id, region))
        if index is None:
            found = self.region(account_id, region)
            index = {node.instance_id: node for node in found.nodes} if found else {}
            self._indexes[account_id, region] = index
        return index.get(instance_id)

    def generation(self, node: Node) -> int:
        """Returns how many patching operations ran on the node since the world was built."""
        return self._generations[node.seed] if self._generations else 0

    def patch(self, node: Node) -> None:
        """Runs a patching operation on the node: its rows, counts and snapshot change."""
        self._generations[node.seed] += 1
        self._rescans[node.seed] = 0
        self._supersessions[node.seed] = 0

    def patches(self, node: Node) -> NodePatches:
        supersessions = self._supersessions[node.seed] if self._supersessions else 0
        return patches_of(node, self.generation(node), self.world.as_of_s, supersessions=supersessions)

    def rescan(self, node: Node) -> None:
        """Runs a scan on the node with the same result: only its end time and its snapshot change."""
        self._rescans[node.seed] += 1

    def supersede(self, node: Node) -> None:
        """Runs a scan on the node that misses other updates, as many as before: no count changes."""
        self._rescans[node.seed] += 1
        self._supersessions[node.seed] += 1

    def machines(self, account_id: str, region: str) -> list[Machine]:
        """Returns the EC2 instances of a target: those behind its managed nodes, then the others."""
        found = self.region(account_id, region)
        if found is None:
            return []
        managed = [machine_of(node, self.world.as_of_s) for node in found.nodes if Trait.GONE not in node.traits]
        return [*(machine for machine in managed if machine is not None), *found.machines]

    def baseline(self, account_id: str, region: str, node: Node) -> Baseline:
        """Returns the patch baseline that the node is scanned with."""
        return baseline_of(self.world.accounts[account_id], region, node)

    def patch_state(self, account_id: str, region: str, node: Node) -> WirePatchState | None:
        """Returns the node's patch state; AWS names its baseline by the bare id there, also where AWS owns it."""
        bare_id = self.baseline(account_id, region, node).baseline_id.rpartition("/")[2]
        return wire_patch_state(
            node,
            self.generation(node),
            self.world.as_of_s,
            baseline_id=bare_id,
            rescans=self._rescans[node.seed] if self._rescans else 0,
        )
