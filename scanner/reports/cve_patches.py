"""Finds once which rows of a scan fix a CVE, for all SELECTs of its answer: those rows are few among millions.

Earlier scans only name the CVEs of patches. A patch without CVE ids takes those that the
same KB id and title have on any node: AWS names none for patches that wait for a reboot or for their approval.
"""

from __future__ import annotations

import pyarrow as pa

from scanner.core.coded_rows import PATCH
from scanner.core.state_names import LACKING_STATES, WITHOUT_SECURITY_FIXES
from scanner.reports.named_cves import MAY_BE_SECURITY
from scanner.reports.sql.query import Parameters, Views

_KEY = "account_id, region, instance_id"
_ROW = f"{_KEY}, state, severity, kb_id, title"

#: The patches that name CVEs in any scan, and whether the one in question is among them.
_NAMED = """
SELECT kb_id, title, any_value(lower(severity)) AS fix_severity, bool_or(list_contains(cve_ids, $cve_id)) AS is_fix
FROM (SELECT kb_id, title, severity, cve_ids FROM relevant_patches UNION ALL FROM cve_names_of_earlier)
WHERE len(cve_ids) > 0 AND title IS NOT NULL GROUP BY kb_id, title
"""

#: A row for each patch that fixes the CVE and is not in effect on a node, by AWS.
_LACKED_BY_AWS = f"""
SELECT {_ROW}, true AS by_aws
FROM relevant_rows JOIN relevant_nodes USING (node) JOIN (
  SELECT * FROM relevant_patches SEMI JOIN (SELECT kb_id, title FROM cve_named WHERE is_fix) USING (kb_id, title)
  UNION ALL
  SELECT * FROM relevant_patches WHERE title IS NULL AND list_contains(cve_ids, $cve_id)
) USING (patch)
WHERE list_contains($lacking, state)
"""  # noqa: S608 - our own words

#: The same by feeds alone.
_LACKED_BY_FEED = f"""
SELECT {", ".join(f"patch.{name}" for name in _ROW.split(", "))}, false AS by_aws
FROM patches AS patch JOIN main.feed_rows AS feed ON feed.account_id = patch.account_id
  AND feed.region = patch.region AND feed.instance_id = patch.instance_id AND feed.kb_id = patch.kb_id
  AND feed.state = patch.state AND feed.title IS NOT DISTINCT FROM patch.title
LEFT JOIN cve_named ON cve_named.kb_id = patch.kb_id AND cve_named.title = patch.title
WHERE scan_id = $scan_id
  AND (verdict = 'lacks' OR (verdict = 'pending' AND list_contains($lacking, patch.state)))
  AND NOT (list_contains($lacking, patch.state) AND (coalesce(is_fix, false) OR list_contains(cve_ids, $cve_id)))
"""  # noqa: S608 - our own words

#: The nodes that lack a patch of which nothing says which CVEs it fixes.
_MAY_LACK = f"""
SELECT DISTINCT {_KEY}
FROM (
  SELECT {_KEY}, kb_id, title, state
  FROM relevant_rows JOIN relevant_nodes USING (node) JOIN (
    SELECT * FROM relevant_patches ANTI JOIN cve_named USING (kb_id, title)
    WHERE list_contains($lacking, state) AND len(cve_ids) = 0 AND {MAY_BE_SECURITY}
  ) USING (patch)
) AS patch
"""  # noqa: S608 - our own words
_WITHOUT_VERDICT = """
  WHERE NOT EXISTS (
    FROM main.feed_rows AS feed WHERE feed.account_id = patch.account_id AND feed.region = patch.region
    AND feed.instance_id = patch.instance_id AND feed.kb_id = patch.kb_id AND feed.state = patch.state
    AND feed.title IS NOT DISTINCT FROM patch.title
  )
"""


async def add_patches(views: Views, scan_id: str, cve_id: str, earlier: pa.Table, *, with_feeds: bool) -> None:
    """Adds the tables `cve_named`, `cve_lacked` and `cve_may_lack` to the views.

    `earlier` are the `NAMES` of earlier scans. With feeds, the table `feed_rows` has to be in the views already.
    """
    await views.number_patches(scan_id, PATCH)
    known: Parameters = {"cve_id": cve_id}
    of_scan: Parameters = {"scan_id": scan_id}
    await views.add_tables({"cve_names_of_earlier": earlier})
    await views.add_tables({"cve_named": await views.fetch(_NAMED, known)})
    lacking: Parameters = {"lacking": list(LACKING_STATES)}
    lacked_sql = f"{_LACKED_BY_AWS} UNION ALL {_LACKED_BY_FEED}" if with_feeds else _LACKED_BY_AWS
    lacked = await views.fetch(lacked_sql, {**known, **lacking, **(of_scan if with_feeds else {})})
    may_lack_sql = f"{_MAY_LACK}{_WITHOUT_VERDICT}" if with_feeds else _MAY_LACK
    may_lack = await views.fetch(may_lack_sql, {**lacking, "without_security_fixes": list(WITHOUT_SECURITY_FIXES)})
    await views.add_tables({"cve_lacked": lacked, "cve_may_lack": may_lack})
