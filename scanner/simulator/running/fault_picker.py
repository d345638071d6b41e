"""Decides which request meets which fault: by seeded random numbers, and for a bounded number of times in a row."""

from __future__ import annotations

from collections import Counter

from scanner.simulator.world.faults import Broken, Faults, Passing
from scanner.simulator.world.seeded_random import seeded_random


class FaultPicker:
    """Picks faults; remembers only the requests that meet one, so that it stays small however long the run."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._passing = [fault for fault in Passing if getattr(faults, fault)]
        self._broken = [fault for fault in Broken if getattr(faults, fault)]
        self._hits: dict[str, int] = {}
        self._broken_listings: Counter[str] = Counter()

    def passing(self, request: str, operation: str) -> Passing | None:
        """Returns the fault of this request, if any; the same request meets at most `max_consecutive` in a row."""
        if not self._passing or (self._faults.operations and operation not in self._faults.operations):
            return None
        hits = self._hits.get(request, 0)
        if hits < self._faults.max_consecutive:
            for fault in self._passing:
                if seeded_random(self._faults.seed, fault, request, hits) < getattr(self._faults, fault):
                    self._hits[request] = hits + 1
                    return fault
        self._hits.pop(request, None)
        return None

    def broken(self, listing: str, offset: int) -> Broken | None:
        """Returns the fault of this page, if any; one listing meets at most `max_broken` in all."""
        if not self._broken:
            return None
        met = self._broken_listings[listing]
        if met < self._faults.max_broken:
            for fault in self._broken:
                if seeded_random(self._faults.seed, fault, listing, offset, met) < getattr(self._faults, fault):
                    self._broken_listings[listing] += 1
                    return fault
        return None

    def is_empty_page(self, listing: str, offset: int, turn: int) -> bool:
        """Returns whether a page without rows comes here; never twice in a row at one position."""
        return turn == 0 and seeded_random(self._faults.seed, "empty_page", listing, offset) < self._faults.empty_page

    def page_size(self, listing: str, offset: int, wanted: int) -> int:
        """Returns how many rows a page has."""
        if not self._faults.varying_page_sizes:
            return wanted
        return 1 + int(seeded_random(self._faults.seed, "page_size", listing, offset) * wanted)
