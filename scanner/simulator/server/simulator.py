"""The handle of a running simulator: its address, its statistics, and the ways to change it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scanner.simulator.running.buckets import Limits, Rate
from scanner.simulator.running.expected import Truth, truth
from scanner.simulator.running.simulation import Simulation, Watcher
from scanner.simulator.running.stats import Stats
from scanner.simulator.world.machines import Baseline
from scanner.simulator.world.organization import Node, World


class Simulator:
    """A running simulator. Changes take effect with the next request."""

    def __init__(self, simulation: Simulation, url: str) -> None:
        self._simulation = simulation
        self.url = url

    @property
    def world(self) -> World:
        """Returns the world that is served, lasting faults included."""
        return self._simulation.world

    @property
    def stats(self) -> Stats:
        return self._simulation.stats

    def environment(self, account_id: str | None = None) -> dict[str, str]:
        """Returns variables that point any AWS SDK or CLI here, as the caller's own account or another one.

        Variables of the surroundings that would outdo them (AWS_PROFILE, AWS_SESSION_TOKEN,
        AWS_ENDPOINT_URL_<SERVICE>) are the caller's to remove.
        """
        keys = self._simulation.sessions.users[account_id or self.world.hub_account_id]
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_DEFAULT_REGION": self.world.home_region,
            "AWS_REGION": self.world.home_region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def truth(
        self,
        *,
        accounts: Collection[str] | None = None,
        regions: Collection[str] | None = None,
        states: Collection[str] = (),
    ) -> Truth:
        """Returns what a correct scan finds in the current state; see `scanner.simulator.running.expected.truth`."""
        return truth(self._simulation.world_state, accounts=accounts, regions=regions, states=states)

    def set_limits(self, limits: Limits) -> None:
        """Replaces the rates."""
        self._simulation.buckets.set_limits(limits)

    def set_rate(self, account_id: str, region: str, operation: str, rate: Rate) -> None:
        """Gives one bucket a rate of its own."""
        self._simulation.buckets.set_rate((account_id, region, operation), rate)

    def revoke_role(self, account_id: str) -> None:
        """Removes the role of an account: no new sessions, and existing ones may do nothing."""
        self._simulation.world_state.revoked.add(account_id)

    def disable_region(self, account_id: str, region: str) -> None:
        """Disables a Region in an account."""
        self._simulation.world_state.disabled.add((account_id, region))

    def delete_own_keys(self) -> None:
        """Deletes the access key of the caller: no service knows it any more. Sessions of roles live on."""
        self._simulation.sessions.delete_user_keys(self.world.hub_account_id)

    def patch_node(self, account_id: str, region: str, instance_id: str) -> None:
        """Runs a patching operation on a node: other rows, counts and snapshot, and old tokens as `Faults` say.

        Raises:
            KeyError: there is no such node.
        """
        self._simulation.world_state.patch(self._node(account_id, region, instance_id))

    def rescan_node(self, account_id: str, region: str, instance_id: str) -> None:
        """Scans a node again with the same result: its end time and snapshot change, its rows and counts do not.

        Raises:
            KeyError: there is no such node.
        """
        self._simulation.world_state.rescan(self._node(account_id, region, instance_id))

    def rescan_nodes(self) -> None:
        """Scans every node again with the same result: end times and snapshots change, rows and counts do not."""
        for account in self.world.accounts.values():
            for name in account.regions:
                region = self._simulation.world_state.region(account.account_id, name)
                for node in region.nodes if region else ():
                    self._simulation.world_state.rescan(node)

    def supersede_node(self, account_id: str, region: str, instance_id: str) -> None:
        """Scans a node that misses newer updates in the place of the missing ones: same counts, other rows.

        Raises:
            KeyError: there is no such node.
        """
        self._simulation.world_state.supersede(self._node(account_id, region, instance_id))

    def _node(self, account_id: str, region: str, instance_id: str) -> Node:
        node = self._simulation.world_state.node(account_id, region, instance_id)
        if node is None:
            raise KeyError(instance_id)
        return node

    def set_baselines(self, account_id: str, baselines: Sequence[Baseline]) -> None:
        """Gives an account these patch baselines of its own from now on, with which its nodes are scanned."""
        self._simulation.world_state.set_baselines(account_id, baselines)

    def set_nodes(self, account_id: str, region: str, nodes: Sequence[Node]) -> None:
        """Gives a Region these nodes from now on; those left out are gone.

        Raises:
            KeyError: there is no such Region.
        """
        self._simulation.world_state.set_nodes(account_id, region, nodes)

    def watch(self, watcher: Watcher) -> None:
        """Calls this with each request before it is answered, from the server's thread."""
        self._simulation.watchers.append(watcher)

    def expire_sessions(self, account_id: str | None = None) -> int:
        """Ends all assumed sessions now, or those of one account; returns how many."""
        return self._simulation.sessions.end_all(account_id)
