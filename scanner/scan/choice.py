"""What is done with a node whose patch state is known: read it whole, carry all of it over, or refresh it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec import Struct

from scanner.core.model import PatchState, Target


class ReadWhole(Struct, frozen=True):
    """Every row that the scan wants is read."""


class CarryAll(Struct, frozen=True):
    """A committed scan holds the rows of this very patch state, so that the node is not read at all."""


class Refresh(Struct, frozen=True):
    """What is lacking is read, what is installed is carried over from a committed scan.

    `are_carried_rows_old` takes the KB ids of the rows that were read, and says whether they prove that the carried
    rows are old.
    """

    are_carried_rows_old: Callable[[Collection[str]], bool]


Choice = ReadWhole | CarryAll | Refresh
Choose = Callable[[Target, PatchState], Choice]


def always_read_whole(_target: Target, _state: PatchState) -> Choice:
    """Returns ReadWhole: a full scan reads every node."""
    return ReadWhole()
