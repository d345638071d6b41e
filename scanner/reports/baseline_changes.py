"""Finds machines that alternate between patch baselines, since two schedules scan them in turn."""

from __future__ import annotations

from scanner.reports.lines import counted
from scanner.reports.sql.query import Fetcher

#: Machines of the scan `$scan_id` whose baseline changed and changed again over the open scans, oldest first. A single
#: change is somebody who chose another baseline.
_ALTERNATING = """
WITH known AS (
  SELECT account_id, region, instance_id, scan_id,
    baseline_id <> lag(baseline_id) OVER (PARTITION BY account_id, region, instance_id ORDER BY scan_id) AS is_changed
  FROM nodes WHERE baseline_id IS NOT NULL AND scan_id <= $scan_id
)
SELECT count(*) AS machines FROM (
  SELECT account_id, region, instance_id FROM known GROUP BY ALL
  HAVING count(*) FILTER (is_changed) >= 2 AND max(scan_id) = $scan_id
)
"""


async def alternating_baselines_note(views: Fetcher, scan_id: str) -> str | None:
    """Returns a sentence on the machines of the scan that alternate between baselines, or None if there are none.

    Args:
        views: the scan and some before it, of which three show that a baseline came back.
        scan_id: the scan that is asked about.
    """
    (row,) = (await views.fetch(_ALTERNATING, {"scan_id": scan_id})).to_pylist()
    if not row["machines"]:
        return None
    return (
        f"the patch baseline of {counted(row['machines'], 'machine')} alternates from scan to scan: schedules with "
        "different baselines overwrite each other's results, so the answer depends on which ran last"
    )
