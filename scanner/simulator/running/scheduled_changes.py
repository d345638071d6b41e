"""Makes changes at random moments of a run: revokes a role, disables a Region, patches a node while it is read."""

from __future__ import annotations

from collections import Counter

from scanner.simulator.running.state import WorldState
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.organization import Node, Trait
from scanner.simulator.world.seeded_random import seeded_random


class ScheduledChanges:
    """Watches the SSM requests and changes the world's state at the chosen ones."""

    def __init__(self, faults: Faults, world_state: WorldState) -> None:
        self._faults = faults
        self._reality = world_state
        self._requests: Counter[str] = Counter()
        self._is_on = bool(faults.role_revoked_midway or faults.region_disabled_midway)

    def request_came(self, account_id: str, region: str) -> None:
        """Notes an SSM request; may revoke the account's role or disable its Region from this request on."""
        if not self._is_on:
            return
        if account_id != self._reality.world.hub_account_id and self._is_due(
            "role_revoked_midway", self._faults.role_revoked_midway, account_id
        ):
            self._reality.revoked.add(account_id)
        target = f"{account_id}/{region}"
        if self._is_due("region_disabled_midway", self._faults.region_disabled_midway, target):
            self._reality.disabled.add((account_id, region))

    def page_came(self, node: Node, offset: int) -> None:
        """Notes the request of a page of patches; may run a patching operation before it is answered."""
        if not offset or Trait.PATCHED_MIDWAY not in node.traits or self._reality.generation(node):
            return
        # Without a patch state that changes, no client could tell a mixed listing from a right one.
        if not node.traits & {Trait.STATE_MISSING, Trait.COUNTS_UNKNOWN}:
            self._reality.patch(node)

    def _is_due(self, fault: str, probability: float, what: str) -> bool:
        if seeded_random(self._faults.seed, fault, what) >= probability:
            return False
        self._requests[fault + what] += 1
        return self._requests[fault + what] > self._faults.midway_after
