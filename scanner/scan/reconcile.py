"""Compares the rows of a node with the counts of its patch state; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from scanner.core.model import PatchState
from scanner.core.state_names import COUNTED_STATES


def comparable_states(states: Collection[str], *, other_filters: bool) -> frozenset[str]:
    """Returns the states whose counts can be compared: those of the State filter, or all of them without one.

    A filter on severity, classification or KB id thins the rows of every state, so then no count can be compared.
    """
    if other_filters:
        return frozenset()
    return frozenset(COUNTED_STATES) & frozenset(states) if states else frozenset(COUNTED_STATES)


def disagreements(state: PatchState, rows: Counter[str], comparable: Collection[str]) -> list[str]:
    """Returns a sentence for each comparable state whose rows differ from AWS's count; an absent count is skipped."""
    sentences = []
    for name, count_name in COUNTED_STATES.items():
        count: int | None = getattr(state, count_name)
        if name in comparable and count is not None and count != rows[name]:
            sentences.append(f"{name} has {rows[name]} rows where AWS counts {count}")
    return sentences


def has_comparable_count(state: PatchState, comparable: Collection[str]) -> bool:
    """Returns whether AWS gives any count that the rows can be compared with."""
    return any(getattr(state, COUNTED_STATES[name]) is not None for name in comparable)
