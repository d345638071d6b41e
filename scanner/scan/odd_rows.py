"""Says in words which rows of a node cannot be understood, so that the node never counts as verified; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scanner.core.state_names import PATCH_STATES

MAX_NAMED = 3  # rows or states by name; the others are counted
_MAX_NAME = 40  # characters of a state that nobody knows
_KNOWN_STATES = frozenset(PATCH_STATES)


def doubts_about(by_state: Counter[str], odd_rows: Sequence[str]) -> list[str]:
    """Returns a sentence on rows that could not be decoded, and one on rows in states that AWS does not document.

    Args:
        by_state: how many rows each state has, in its documented form; "" stands for none.
        odd_rows: words for each row that could not be decoded.
    """
    doubts = []
    if odd_rows:
        doubts.append(f"{_rows(len(odd_rows))} cannot be read: {_first(odd_rows)}")
    unknown = sorted(by_state.keys() - _KNOWN_STATES)
    if unknown:
        rows = _rows(sum(by_state[state] for state in unknown))
        states = _first([state[:_MAX_NAME] or "none" for state in unknown])
        doubts.append(f"{rows} in a state that AWS does not document: {states}")
    return doubts


def _first(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
