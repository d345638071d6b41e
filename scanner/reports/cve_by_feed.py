"""Decides by feeds what AWS says nothing of: patches of Windows, Ubuntu and Debian have no CVE ids there.

Verdicts of rows: `lacks` and `pending` where the row shows it, `other` where the patch does not fix the CVE. Machines
have the fix only where everything that the feed lists for them is installed; what the feed leaves open has no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from scanner.core.model import ScanRow
from scanner.core.state_names import LACKING_STATES, PENDING_REBOOT
from scanner.reports.cve_feed_tables import tables_of
from scanner.reports.feeds.feed import Feed
from scanner.reports.feeds.msrc import WINDOWS
from scanner.reports.sql.query import Parameters, Views

INSTALLED = ("INSTALLED", "INSTALLED_OTHER", "INSTALLED_REJECTED")
_KEY = "account_id, region, instance_id"

_WINDOWS_ROWS = f"""
  on_windows AS (
    SELECT {_KEY}, kb_id, title, state, regexp_extract(platform_name, $windows) AS product
    FROM patches JOIN nodes USING (scan_id, {_KEY})
    WHERE scan_id = $scan_id AND platform_type = 'Windows'
  ),
  carried AS (
    SELECT {_KEY}, root, bool_or(list_contains($installed, state)) AS is_installed
    FROM on_windows JOIN cve_carriers USING (kb_id)
    WHERE list_contains($installed, state) OR state = $pending_state GROUP BY ALL
  ),
  windows_rows AS (
    SELECT {_KEY}, kb_id, title, state, CASE
        WHEN root IS NULL THEN 'other'
        WHEN bool_or(state = $pending_state AND NOT coalesce(is_installed, false)) THEN 'pending'
        WHEN bool_or(state <> $pending_state AND is_installed IS NULL) THEN 'lacks'
        ELSE 'other'
      END AS verdict
    FROM on_windows LEFT JOIN cve_carriers USING (kb_id) LEFT JOIN cve_others USING (kb_id)
    LEFT JOIN carried USING ({_KEY}, root)
    WHERE list_contains($lacking, state) AND (cve_carriers.root IS NOT NULL OR cve_others.kb_id IS NOT NULL)
    GROUP BY {_KEY}, kb_id, title, state, root IS NULL, root
  ),
"""  # noqa: S608 - our own words

#: The packages of Ubuntu and Debian with their versions.
ON_DPKG = f"""
  on_dpkg AS (
    SELECT {_KEY}, kb_id, title, severity, state,
      if(platform_name = 'Ubuntu', 'Ubuntu', 'Debian') AS distribution,
      regexp_extract(platform_version, if(platform_name = 'Ubuntu', '^\\d+\\.\\d+', '^\\d+')) AS release,
      regexp_replace(kb_id, '\\.(all|amd64|arm64|armhf|i386)$', '') AS package,
      if(starts_with(title, kb_id || ':'), substr(title, len(kb_id) + 2), NULL) AS version
    FROM patches JOIN nodes USING (scan_id, {_KEY})
    WHERE scan_id = $scan_id AND (platform_name = 'Ubuntu' OR starts_with(platform_name, 'Debian'))
      AND list_contains($installed || $lacking, state)
  ),
"""  # noqa: S608 - our own words

#: `version_order` is null where a version cannot be compared. The version of an update that is lacking is not the one
#: that is installed, which may be any older one.
_DPKG_ROWS = f"""
{ON_DPKG}
  affected AS (FROM on_dpkg JOIN cve_packages USING (distribution, release, package)),
  orders AS (
    SELECT version, fixed, compare_dpkg(version, fixed) AS version_order
    FROM (SELECT DISTINCT version, fixed FROM affected WHERE NOT is_kernel)
  ),
  compared AS (
    SELECT affected.*, if(is_kernel, NULL, version_order) AS version_order
    FROM affected LEFT JOIN orders USING (version, fixed)
  ),
  dpkg_rows AS (
    SELECT {_KEY}, kb_id, title, state, CASE
        WHEN version_order < 0 THEN 'lacks'
        WHEN version_order = 0 AND NOT list_contains($installed, state) AND state <> $pending_state THEN 'lacks'
        WHEN version_order >= 0 AND state = $pending_state THEN 'pending'
        WHEN version_order >= 0 AND list_contains($installed, state) THEN 'has'
        ELSE 'open'
      END AS verdict, is_source
    FROM compared
  ),
  other_dpkg_rows AS (
    SELECT {_KEY}, kb_id, title, state, 'other' AS verdict
    FROM on_dpkg JOIN cve_releases USING (distribution, release) ANTI JOIN cve_packages USING (distribution, release, package)
    WHERE has_binaries AND list_contains($lacking, state)
  )
"""  # noqa: S608, E501 - our own words

#: One row for each patch of which a feed says what it is to the CVE.
_ROWS = f"""
WITH {_WINDOWS_ROWS} {_DPKG_ROWS}
SELECT {_KEY}, kb_id, title, state,
  CASE WHEN bool_or(verdict = 'lacks') THEN 'lacks' WHEN bool_or(verdict = 'pending') THEN 'pending' ELSE 'other' END
    AS verdict
FROM (
  SELECT * FROM windows_rows
  UNION ALL SELECT {_KEY}, kb_id, title, state, verdict FROM dpkg_rows WHERE verdict IN ('lacks', 'pending')
  UNION ALL SELECT * FROM other_dpkg_rows
) GROUP BY ALL
"""  # noqa: S608 - our own words

#: The machines that have the fix; `is_sure` where it does not matter what else they lack.
_MACHINES = f"""
WITH {_WINDOWS_ROWS} {_DPKG_ROWS},
  windows_nodes AS (SELECT DISTINCT {_KEY}, product FROM on_windows WHERE product <> ''),
  fixed_windows AS (
    SELECT {_KEY}, bool_and(coalesce(is_installed, false)) AS has_fix
    FROM windows_nodes JOIN cve_required USING (product) LEFT JOIN carried USING ({_KEY}, root)
    WHERE NOT EXISTS (FROM cve_required WHERE product = '')
    GROUP BY ALL
  ),
  fixed_dpkg AS (
    SELECT {_KEY}, bool_and(verdict = 'has') AS has_fix, NOT bool_or(is_source) AS is_sure
    FROM dpkg_rows JOIN (
      SELECT DISTINCT {_KEY} FROM on_dpkg JOIN cve_releases USING (distribution, release)
    ) AS described USING ({_KEY})
    GROUP BY ALL
  )
SELECT {_KEY}, true AS is_sure FROM fixed_windows WHERE has_fix
UNION ALL SELECT {_KEY}, is_sure FROM fixed_dpkg WHERE has_fix
"""  # noqa: S608 - our own words


async def add_verdicts(views: Views, scan: ScanRow, feeds: Sequence[Feed], cve_id: str) -> None:
    """Adds the tables `feed_rows` and `feed_machines` to the views: what the feeds decide for a CVE and a scan."""
    await views.add_tables(tables_of(feeds, cve_id))
    await views.add_dpkg_order()
    known: Parameters = {
        "scan_id": scan.scan_id,
        "windows": WINDOWS.pattern,
        "installed": list(INSTALLED),
        "lacking": list(LACKING_STATES),
        "pending_state": PENDING_REBOOT,
    }
    rows, machines = await views.fetch(_ROWS, known), await views.fetch(_MACHINES, known)
    await views.add_tables({"feed_rows": rows, "feed_machines": machines})
