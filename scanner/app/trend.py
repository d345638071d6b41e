"""Gathers the figures of the earlier scans of one scope, from their manifests alone."""

from __future__ import annotations

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.statistics import ScanStatistics
from scanner.reports.html.trend import Trend, TrendPoint
from scanner.reports.staleness import is_fresh_by_days
from scanner.reports.statuses import NOT_OURS
from scanner.reports.summary import SEVERITIES
from scanner.reports.time_to_patch import time_to_patch
from scanner.store.manifest import Manifest
from scanner.store.store import Store

SCANS_SHOWN = 90  # a quarter of a year of nights
_AT_ONCE = 16
_COUNTED_STATES = ("MISSING", "FAILED")


async def read_trend(store: Store, scan_id: str, *, stale_after_days: int) -> Trend:
    """Returns the scan and up to `SCANS_SHOWN` earlier ones of its scope and filters, the oldest first.

    An earlier one whose manifest cannot be read is left out: it is no reason for the report of this one to fail.

    Raises:
        StoreError: the manifest of the scan itself cannot be read.
    """

    async def read(each: str) -> Manifest | None:
        try:
            return await store.manifest(each)
        except (StoreError, ScanNotFound):
            if each == scan_id:
                raise
            return None

    shown = [*await store.comparable_before(scan_id, SCANS_SHOWN), scan_id]
    manifests = await map_bounded(read, shown, _AT_ONCE)
    with_figures = [(each, each.statistics) for each in manifests if each is not None and each.statistics is not None]
    points = [_point(manifest, figures, stale_after_days) for manifest, figures in with_figures]
    return Trend(points, len(shown) - len(points), time_to_patch(figures for _, figures in with_figures))


def _point(manifest: Manifest, statistics: ScanStatistics, stale_after_days: int) -> TrendPoint:
    nodes = manifest.scan.nodes
    return TrendPoint(
        manifest.scan.scan_id,
        manifest.scan.finished_at,
        machines=sum(nodes.values()) - sum(nodes.get(status, 0) for status in NOT_OURS),
        compliant=sum(each.compliant for each in statistics.nodes if is_fresh_by_days(each.age_days, stale_after_days)),
        critical=sum(
            each.rows for each in statistics.rows if each.state in _COUNTED_STATES and each.severity == SEVERITIES[0]
        ),
    )
