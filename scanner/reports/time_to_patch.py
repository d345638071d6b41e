"""How long packages were lacking until they no longer were, by severity, from the statistics of scans."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from scanner.core.statistics import PatchedCount, ScanStatistics
from scanner.reports.summary import SEVERITIES

_DAY_MS = 24 * 60 * 60 * 1000


class TimeToPatch(Struct, frozen=True):
    """Packages of one severity that scans saw lacking and then no longer lacking.

    `mean_days` is over the `packages` whose first sight is known, None where there are none. `begun_earlier` counts
    packages that were lacking when the history of their node began, which took longer than anything tells.
    """

    severity: str | None
    packages: int
    mean_days: float | None
    begun_earlier: int


def time_to_patch(scans: Iterable[ScanStatistics]) -> list[TimeToPatch]:
    """Returns the mean time to patch of each severity over these scans, the worst severity first."""
    sums: dict[str | None, PatchedCount] = {}
    for count in (each for scan in scans for each in scan.patched):
        known = sums.get(count.severity, PatchedCount(count.severity, 0, 0))
        sums[count.severity] = PatchedCount(
            count.severity,
            known.packages + count.packages,
            known.total_ms + count.total_ms,
            known.begun_earlier + count.begun_earlier,
        )
    return [_mean(sums[severity]) for severity in sorted(sums, key=_rank)]


def _rank(severity: str | None) -> tuple[int, bool, str]:
    """Returns what sorts the worst severity first, then words of the distributions' own, and last what has none."""
    rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
    return rank, severity is None, severity or ""


def _mean(count: PatchedCount) -> TimeToPatch:
    days = round(count.total_ms / count.packages / _DAY_MS, 2) if count.packages else None
    return TimeToPatch(count.severity, count.packages, days, count.begun_earlier)
