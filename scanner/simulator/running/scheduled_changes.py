"""Changes in mid-run that chance picks: a role revoked, a Region disabled, a node patched while it is read."""

from __future__ import annotations

from collections import Counter

from scanner.simulator.running.state import WorldState
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.organization import Node, Trait
from scanner.simulator.world.seeded_random import seeded_random


class ScheduledChanges:
    """Watches the SSM requests go by and changes reality when it is time."""

    def __init__(self, faults: Faults, world_state: WorldState) -> None:
        self._faults = faults
        self._reality = world_state
        self._requests: Counter[str] = Counter()
        self._is_on = bool(faults.role_revoked_midway or faults.region_disabled_midway)

    def request_came(self, account_id: str, region: str) -> None:
        """Note an SSM request; may revoke the account's role or disable its Region from this request on."""
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
        """Note that a page of a node's patches is asked for; may run a patching operation before it is answered."""
        if not offset or Trait.PATCHED_MIDWAY not in node.traits or self._reality.generation(node):
            return
        # Without a patch state that moves nobody could tell a mixed listing from a right one.
        if not node.traits & {Trait.STATE_MISSING, Trait.COUNTS_UNKNOWN}:
            self._reality.patch(node)

    def _is_due(self, fault: str, probability: float, what: str) -> bool:
        if seeded_random(self._faults.seed, fault, what) >= probability:
            return False
        self._requests[fault + what] += 1
        return self._requests[fault + what] > self._faults.midway_after
