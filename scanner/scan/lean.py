"""Decides in lean mode whether a node's installed patches may be carried over from an earlier scan; pure.

AWS counts the patches of each state, and neither a count nor anything else that it tells proves that rows are the same.
So rows are carried only while nothing speaks against them, with the date of the operation under which they were read,
and never for longer than `every_days`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from zlib import crc32

from scanner.core.model import EpochMs, PatchState
from scanner.core.whole_reading import WholeReading, operation_id
from scanner.scan.choice import CarryAll, Choice, ReadWhole, Refresh

DAY_MS = 24 * 60 * 60 * 1000


def choose(
    reading: WholeReading,
    state: PatchState,
    are_carried_rows_old: Callable[[Collection[str]], bool],
    *,
    now: EpochMs,
    every_days: int,
) -> Choice:
    """Returns what a lean scan does with a node of which a committed scan holds a reading.

    Args:
        reading: the last reading of all its patches, verified then.
        state: its patch state now.
        are_carried_rows_old: whether these KB ids of lacking patches contradict the rows of that reading.
        now: when the scan looks at the node.
        every_days: how old a reading may grow.
    """
    if is_due(state.instance_id, reading.read_at, now=now, every_days=every_days):
        return ReadWhole()
    if reading.is_whole and reading.operation is not None and reading.operation == operation_id(state):
        return CarryAll()
    return Refresh(are_carried_rows_old) if may_carry(reading, state) else ReadWhole()


def is_due(instance_id: str, read_at: EpochMs, *, now: EpochMs, every_days: int) -> bool:
    """Returns whether the node has to be read whole: once in every `every_days` days, on a day that its id decides.

    So a fleet that was first read in one night is spread evenly from then on, and no reading grows older than that.
    """
    return _period(instance_id, read_at, every_days) != _period(instance_id, now, every_days)


def _period(instance_id: str, at: EpochMs, every_days: int) -> int:
    return (at // DAY_MS + crc32(instance_id.encode("utf-8", "surrogatepass")) % every_days) // every_days


def may_carry(reading: WholeReading, state: PatchState) -> bool:
    """Returns whether nothing that AWS tells speaks against the installed rows of an earlier reading.

    Another baseline sorts all patches again. Another count, or none, shows that rows changed. An installation changes
    them: it shows as the operation itself, or as a later installation without reboot. One with a reboot and a scan
    after it shows in the counts at most, which is why carried rows have a date.
    """
    if reading.as_of is None or state.operation_end_time is None or state.operation_end_time < reading.as_of:
        return False
    if None in (state.baseline_id, state.installed_count, state.installed_other_count):
        return False
    return (
        state.operation == "Scan"
        and state.baseline_id == reading.baseline_id
        and state.installed_count == reading.installed_count
        and state.installed_other_count == reading.installed_other_count
        and state.last_no_reboot_install_time == reading.last_no_reboot_install_time
    )
