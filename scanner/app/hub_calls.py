"""Counts the requests of a run that belong to no target, such as those for roles, in parts that never overlap."""

from __future__ import annotations

from msgspec import structs

from scanner.core.model import CallCounts


class HubCalls:
    """Reads a growing count in parts."""

    def __init__(self) -> None:
        self._counts = CallCounts()
        self._taken = CallCounts()

    def watch(self, counts: CallCounts) -> None:
        """Counts these requests from 0 on."""
        self._counts, self._taken = counts, CallCounts()

    def take(self) -> CallCounts:
        """Returns the requests since the last call."""
        now, before = structs.replace(self._counts), self._taken
        self._taken = now
        return CallCounts(
            now.requests - before.requests, now.throttles - before.throttles, now.retries - before.retries
        )
