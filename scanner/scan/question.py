"""What is asked of one node, and what AWS's own counts say of the answer before anything is asked; pure."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from scanner.core.state_names import COUNTED_STATES, REFRESHED_STATES
from scanner.scan.estimate import ListedNode
from scanner.scan.reconcile import comparable_states

#: States that only Windows nodes have, so that AWS counts them nowhere else (Systems Manager API reference,
#: InstancePatchState.AvailableSecurityUpdateCount).
WINDOWS_ONLY_STATES = frozenset({"AVAILABLE_SECURITY_UPDATE"})


class Question(Struct, frozen=True):
    """The State filter of a node's listing (empty: none), and the states whose rows must match AWS's counts."""

    states: tuple[str, ...]
    comparable: frozenset[str]

    def wanted_counts(self, listed: ListedNode) -> Counter[str] | None:
        """Returns how many rows AWS counts in each wanted state, or None where it does not count all of them.

        An absent count is not 0, unless nodes of the platform cannot have the state. A count that AWS gives always
        holds.
        """
        if not self.states or listed.state is None:
            return None
        is_windows = listed.node.platform_type in (None, "Windows")
        counts: Counter[str] = Counter()
        for name in self.states:
            count: int | None = getattr(listed.state, COUNTED_STATES[name]) if name in COUNTED_STATES else None
            if count is None and name in WINDOWS_ONLY_STATES and not is_windows:
                continue
            if count is None:
                return None
            counts[name] = count
        return +counts

    def expects_nothing(self, listed: ListedNode) -> bool:
        """Returns whether AWS counts no patch in any wanted state, so that a call would bring none."""
        counts = self.wanted_counts(listed)
        return counts is not None and not counts


#: What a lean scan asks of a node whose installed patches it carries over.
REFRESH = Question(REFRESHED_STATES, comparable_states(REFRESHED_STATES, other_filters=False))
