"""The SELECTs that a difference is made of: `$before` and `$after` are the ids of two scans open in the views.

The first is over the views. The others are over tables made of its answer and of what else is found on the way:
`paired`, `differing_rows`, `changes` and `text_places`.
"""

from __future__ import annotations

from scanner.reports.staleness import STALE_REASON

#: Each node of one of the scans or both, in the order of their keys. `$now_ms` is the end of the later scan: a node
#: whose data was stale by then may have changed since.
PAIRED = f"""
WITH
  seen AS (
    SELECT account_id, region, instance_id, computer_name, status, scan_id = $after AS is_after,
      list_contains($with_rows, status) AS has_rows, {STALE_REASON} AS stale_reason
    FROM (SELECT *, $now_ms AS read_at FROM nodes WHERE scan_id IN ($before, $after))
  ),
  listed AS (
    SELECT account_id, region,
      bool_or(scan_id = $before) AS listed_before, bool_or(scan_id = $after) AS listed_after
    FROM targets WHERE status = $scanned GROUP BY ALL
  )
SELECT account_id, region, instance_id, any_value(computer_name ORDER BY is_after DESC) AS computer_name,
  any_value(status) FILTER (NOT is_after) AS status_before, any_value(status) FILTER (is_after) AS status_after,
  count(*) FILTER (has_rows) = 2 AS is_compared,
  any_value(stale_reason) FILTER (is_after) AS stale_reason,
  coalesce(any_value(listed_before), false) AS listed_before,
  coalesce(any_value(listed_after), false) AS listed_after
FROM seen LEFT JOIN listed USING (account_id, region) GROUP BY account_id, region, instance_id
ORDER BY account_id, region, instance_id
"""  # noqa: S608 - our own words


def _joined(rows: str, name: str) -> str:
    """Returns the values of a member of sorted rows as one text; sorting within the sums takes a third more CPU."""
    return f"array_to_string([row.{name} FOR row IN {rows}], ', ')"


#: One row for each patch that differs. Patches are those of one KB id on one node together, since a package of Linux
#: has a row for each of its versions. `before` and `after` hold the states of a patch.
PATCH_CHANGES = f"""
WITH by_patch AS (
  SELECT node, kb_id,
    coalesce(any_value(severity) FILTER (is_after), any_value(severity)) AS severity,
    list_sort(list({{title: title, state: state}}) FILTER (NOT is_after)) AS rows_before,
    list_sort(list({{title: title, state: state}}) FILTER (is_after)) AS rows_after,
    coalesce(bool_or(list_contains($lacking, state)) FILTER (NOT is_after), false) AS lacked,
    coalesce(bool_or(list_contains($lacking, state)) FILTER (is_after), false) AS lacks,
    coalesce(bool_or(starts_with(state, 'INSTALLED')) FILTER (is_after), false) AS is_installed
  FROM differing_rows GROUP BY node, kb_id
)
SELECT
  CASE
    WHEN lacks AND NOT lacked THEN 'missing'
    WHEN lacked AND NOT lacks THEN if(is_installed, 'fixed', 'dropped')
    ELSE 'changed'
  END AS change,
  node, kb_id, severity,
  {_joined("rows_before", "state")} AS before, {_joined("rows_after", "state")} AS after,
  {_joined("rows_before", "title")} AS title_before, {_joined("rows_after", "title")} AS title_after
FROM by_patch
"""  # noqa: S608 - our own words

#: The same columns for each node whose condition differs: `before` and `after` hold its status.
NODE_CHANGES = """
SELECT
  CASE
    WHEN status_before IS NULL THEN 'node_new'
    WHEN status_after IS NULL THEN 'node_left'
    ELSE 'node_status'
  END AS change,
  node, NULL::VARCHAR AS kb_id, NULL::VARCHAR AS severity, status_before AS before, status_after AS after,
  NULL::VARCHAR AS title_before, NULL::VARCHAR AS title_after
FROM paired
WHERE CASE
  WHEN status_before IS NULL THEN listed_before
  WHEN status_after IS NULL THEN listed_after
  ELSE status_before <> status_after AND NOT list_has_all($verified, [status_before, status_after])
END
"""

#: All changes in their order; their texts are numbers.
CHANGES = """
SELECT change, node, kb_id, severity, before, after, title_before, title_after
FROM changes LEFT JOIN text_places ON kb_id = code ORDER BY change, node, place
"""

#: One row that fits `scanner.reports.diff.Compared`.
COMPARED = """
SELECT
  count(*) FILTER (is_compared AND stale_reason IS NULL) AS compared,
  count(*) FILTER (NOT is_compared AND coalesce(status_after, '') <> $gone AND CASE
    WHEN status_before IS NULL THEN NOT listed_before
    WHEN status_after IS NULL THEN NOT listed_after
    ELSE true
  END) AS not_comparable,
  histogram(stale_reason) FILTER (is_compared) AS stale
FROM paired
"""
