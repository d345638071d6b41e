"""Small figures of a scan, written when it is committed, so that a trend over many scans reads no rows."""

from __future__ import annotations

from msgspec import Struct


class NodesByAge(Struct, frozen=True):
    """Nodes whose patch data has one age, in full days when the scan began; None: AWS names no end of a patch scan.

    `compliant` ones have no row in a state that AWS counts as non-compliant, and AWS counts none either. Only verified
    nodes are counted.
    """

    age_days: int | None
    nodes: int
    compliant: int


class RowCount(Struct, frozen=True):
    """How many rows have a state and a severity, in the spelling of the `patches` table."""

    state: str
    severity: str | None
    rows: int


class PatchedCount(Struct, frozen=True):
    """Packages of one severity that were lacking on a node in an earlier scan, and are not in this one.

    `total_ms` adds up the time from the first sight to this scan for the `packages` whose first sight is known.
    `begun_earlier` counts those that were lacking when the history of their node began.
    """

    severity: str | None
    packages: int
    total_ms: int
    begun_earlier: int = 0


class AlternatingBaselines(Struct, frozen=True):
    """How many machines have a patch baseline that changes back and forth over the scans.

    `first` names some of them as `account/region/instance`.
    """

    machines: int = 0
    first: tuple[str, ...] = ()


class ScanStatistics(Struct, frozen=True):
    """What a manifest says of a scan besides its row. `rows` are those that lack a fix or violate a baseline."""

    nodes: tuple[NodesByAge, ...] = ()
    rows: tuple[RowCount, ...] = ()
    patched: tuple[PatchedCount, ...] = ()
    alternating_baselines: AlternatingBaselines = AlternatingBaselines()
