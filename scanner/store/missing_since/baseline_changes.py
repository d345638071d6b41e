"""Carries from scan to scan how often the patch baseline of a node changed lately.

Each patch scan overwrites the results of the last one, whatever baseline it used: two schedules with different ones
flip the rows of a node. One change is somebody who chose another baseline.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single
from scanner.store.missing_since.reading import Reading

CHANGES_KEPT = 5  # those between the last six readings: a week of nights or so
_MASK = 2**CHANGES_KEPT - 1
_MANY = pa.array([bits for bits in range(_MASK + 1) if bits.bit_count() > 1], pa.int8())


def baseline_facts(seen: Reading) -> dict[str, pa.Array]:
    """Returns the baseline of each node, and in a bit for each of its last readings whether it was another one.

    A reading of which AWS names no baseline leaves both as they were.
    """
    known, current = single(seen.facts.column("baseline_id")), seen.column("baseline_id")
    changes = pc.fill_null(single(seen.facts.column("baseline_changes")), 0).cast(pa.int8())
    is_other = pc.fill_null(pc.not_equal(current, known), False).cast(pa.int8())
    moved = pc.bit_wise_and(pc.bit_wise_or(pc.shift_left(changes, pa.scalar(1, pa.int8())), is_other), _MASK)
    return {
        "baseline_id": pc.coalesce(current, known),
        "baseline_changes": pc.if_else(pc.is_valid(current), moved.cast(pa.int8()), changes),
    }


def alternating(seen: Reading) -> pa.Array:
    """Returns of each node that was read whether its baseline changed back and forth over its last readings."""
    return pc.and_(seen.is_latest, pc.is_in(baseline_facts(seen)["baseline_changes"], _MANY))
