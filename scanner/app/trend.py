"""Gathers the figures of the earlier scans of one scope, from their manifests alone."""

from __future__ import annotations

from scanner.core.concurrency import map_bounded
from scanner.core.model import NodeStatus
from scanner.core.statistics import ScanStatistics
from scanner.reports.html.trend import Trend, TrendPoint
from scanner.reports.summary import SEVERITIES
from scanner.store.manifest import Manifest
from scanner.store.store import Store

SCANS_SHOWN = 90  # a quarter of a year of nights
_AT_ONCE = 16
_NOT_OURS = (NodeStatus.GONE, NodeStatus.SERVICE_MANAGED)
_COUNTED_STATES = ("MISSING", "FAILED")


async def read_trend(store: Store, scan_id: str, *, stale_after_days: int) -> Trend:
    """Returns the scan and up to `SCANS_SHOWN` earlier ones of its scope and filters, the oldest first.

    Raises:
        StoreError: a manifest cannot be read.
    """
    earlier = [each for each in await store.committed() if each <= scan_id][-SCANS_SHOWN:]
    scopes = await store.scopes(earlier)
    alike = [each for each in earlier if each == scan_id or (scopes[each] and scopes[each] == scopes.get(scan_id))]
    manifests = await map_bounded(store.manifest, alike, _AT_ONCE)
    points = [_point(each, each.statistics, stale_after_days) for each in manifests if each.statistics is not None]
    return Trend(points, len(alike) - len(points))


def _point(manifest: Manifest, statistics: ScanStatistics, stale_after_days: int) -> TrendPoint:
    nodes = manifest.scan.nodes
    return TrendPoint(
        manifest.scan.scan_id,
        manifest.scan.finished_at,
        machines=sum(nodes.values()) - sum(nodes.get(status, 0) for status in _NOT_OURS),
        compliant=sum(
            each.compliant
            for each in statistics.nodes
            if each.age_days is not None and each.age_days < stale_after_days
        ),
        critical=sum(
            each.rows for each in statistics.rows if each.state in _COUNTED_STATES and each.severity == SEVERITIES[0]
        ),
    )
