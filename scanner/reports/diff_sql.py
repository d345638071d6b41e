"""The SELECTs that a difference is made of: `$before` and `$after` are the ids of two scans open in the views.

`$now_ms` is the end of the later one: a node whose data was stale by then may have changed since.
"""

from __future__ import annotations

from scanner.reports.staleness import STALE_REASON

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
"""  # noqa: S608 - our own words

#: Equal rows of the two scans cancel each other out. Which rows they are is worked out only where that leaves some:
#: lists of states and titles for all patches of a fleet would take gigabytes.
#: Rows of what does not apply make no difference: AWS cuts their list short, and lean scans do not read it.
_DIFFERS = """
sum(CASE WHEN state = $not_applicable THEN 0 WHEN scan_id = $after THEN 1 ELSE -1 END
  * hash(kb_id, title, state)::hugeint) <> 0
"""

#: Nodes, and patches of nodes, are grouped by 8 bytes instead of three and four texts, which takes a third of the CPU.
#: Two that share a hash are told apart by the last SELECT, which groups by the texts themselves.
_NODE_HASH = "hash(account_id, region, instance_id)"
_PATCH_HASH = "hash(account_id, region, instance_id, kb_id)"


def _joined(rows: str, name: str) -> str:
    """Returns the values of a member of sorted rows as one text; sorting within the sums takes a third more CPU."""
    return f"array_to_string([row.{name} FOR row IN {rows}], ', ')"


#: One row for each patch of a compared node and each node whose condition differs. Patches are those of one KB id on
#: one node together, since a package of Linux has a row for each of its versions. `before` and `after` hold the states
#: of a patch, or the status of a node.
CHANGES = f"""
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
"""  # noqa: S608 - our own words

#: One row that fits `scanner.reports.diff.Compared`.
COMPARED = f"""
WITH {_PAIRED}
SELECT
  count(*) FILTER (is_compared AND stale_reason IS NULL) AS compared,
  count(*) FILTER (NOT is_compared AND coalesce(status_after, '') <> $gone AND CASE
    WHEN status_before IS NULL THEN NOT listed_before
    WHEN status_after IS NULL THEN NOT listed_after
    ELSE true
  END) AS not_comparable,
  histogram(stale_reason) FILTER (is_compared) AS stale
FROM paired
"""  # noqa: S608 - our own words
