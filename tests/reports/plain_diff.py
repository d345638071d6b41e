"""The difference between two scans as one SELECT over all rows of both: slow and large, but plain to see."""

from __future__ import annotations

from scanner.core.model import TargetStatus
from scanner.core.state_names import LACKING_STATES, NOT_APPLICABLE
from scanner.reports.staleness import STALE_REASON, stale_parameters
from scanner.reports.statuses import VERIFIED, WITH_ROWS, values

_PAIRED = f"""
  seen AS (
    SELECT account_id, region, instance_id, computer_name, status, scan_id = $after AS is_after,
      list_contains($with_rows, status) AS has_rows, {STALE_REASON} AS stale_reason
    FROM (SELECT *, $now_ms AS read_at FROM nodes WHERE scan_id IN ($before, $after))
  ),
  listed AS (
    SELECT account_id, region,
      bool_or(scan_id = $before) AS listed_before, bool_or(scan_id = $after) AS listed_after
    FROM targets WHERE status = $scanned GROUP BY ALL
  ),
  paired AS (
    SELECT account_id, region, instance_id, any_value(computer_name ORDER BY is_after DESC) AS computer_name,
      any_value(status) FILTER (NOT is_after) AS status_before, any_value(status) FILTER (is_after) AS status_after,
      count(*) FILTER (has_rows) = 2 AS is_compared,
      any_value(stale_reason) FILTER (is_after) AS stale_reason,
      coalesce(any_value(listed_before), false) AS listed_before,
      coalesce(any_value(listed_after), false) AS listed_after
    FROM seen LEFT JOIN listed USING (account_id, region) GROUP BY account_id, region, instance_id
  )
"""

#: Equal rows of the two scans cancel each other out; what does not apply makes no difference.
_DIFFERS = """
sum(CASE WHEN state = $not_applicable THEN 0 WHEN scan_id = $after THEN 1 ELSE -1 END
  * hash(kb_id, title, state)::hugeint) <> 0
"""

_NODE_HASH = "hash(account_id, region, instance_id)"
_PATCH_HASH = "hash(account_id, region, instance_id, kb_id)"


def _joined(rows: str, name: str) -> str:
    """Returns the values of a member of sorted rows as one text; which is the order of titles and then states."""
    return f"array_to_string([row.{name} FOR row IN {rows}], ', ')"


PLAIN_CHANGES = f"""
WITH {_PAIRED},
  listed_patches AS NOT MATERIALIZED (
    SELECT scan_id, account_id, region, instance_id, kb_id, title, state, severity,
      {_NODE_HASH} AS node, {_PATCH_HASH} AS patch
    FROM patches WHERE scan_id IN ($before, $after)
  ),
  differing_nodes AS (
    SELECT node
    FROM listed_patches SEMI JOIN (SELECT {_NODE_HASH} AS node FROM paired WHERE is_compared) USING (node)
    GROUP BY node HAVING {_DIFFERS}
  ),
  differing_patches AS (
    SELECT patch FROM listed_patches SEMI JOIN differing_nodes USING (node) GROUP BY patch HAVING {_DIFFERS}
  ),
  by_patch AS (
    SELECT account_id, region, instance_id, kb_id,
      coalesce(any_value(severity) FILTER (scan_id = $after), any_value(severity)) AS severity,
      list_sort(list({{title: title, state: state}}) FILTER (scan_id = $before)) AS rows_before,
      list_sort(list({{title: title, state: state}}) FILTER (scan_id = $after)) AS rows_after,
      coalesce(bool_or(list_contains($lacking, state)) FILTER (scan_id = $before), false) AS lacked,
      coalesce(bool_or(list_contains($lacking, state)) FILTER (scan_id = $after), false) AS lacks,
      coalesce(bool_or(starts_with(state, 'INSTALLED')) FILTER (scan_id = $after), false) AS is_installed
    FROM listed_patches SEMI JOIN differing_patches USING (patch)
    GROUP BY account_id, region, instance_id, kb_id HAVING {_DIFFERS}
  )
SELECT
  CASE
    WHEN lacks AND NOT lacked THEN 'missing'
    WHEN lacked AND NOT lacks THEN if(is_installed, 'fixed', 'dropped')
    ELSE 'changed'
  END AS change,
  account_id, region, instance_id, computer_name, kb_id, severity,
  {_joined("rows_before", "state")} AS before, {_joined("rows_after", "state")} AS after,
  {_joined("rows_before", "title")} AS title_before, {_joined("rows_after", "title")} AS title_after
FROM by_patch JOIN (FROM paired WHERE is_compared) USING (account_id, region, instance_id)
UNION ALL
SELECT
  CASE
    WHEN status_before IS NULL THEN 'node_new'
    WHEN status_after IS NULL THEN 'node_left'
    ELSE 'node_status'
  END AS change,
  account_id, region, instance_id, computer_name, NULL, NULL, status_before, status_after, NULL, NULL
FROM paired
WHERE CASE
  WHEN status_before IS NULL THEN listed_before
  WHEN status_after IS NULL THEN listed_after
  ELSE status_before <> status_after AND NOT list_has_all($verified, [status_before, status_after])
END
ORDER BY change, account_id, region, instance_id, kb_id
"""


def plain_parameters(pair):
    """The parameters of `PLAIN_CHANGES` for two scans."""
    return {
        **stale_parameters(pair.ended_at, pair.stale_after_days),
        "with_rows": values(WITH_ROWS),
        "scanned": TargetStatus.SCANNED.value,
        "before": pair.before,
        "after": pair.after,
        "lacking": list(LACKING_STATES),
        "not_applicable": NOT_APPLICABLE,
        "verified": values(VERIFIED),
    }
