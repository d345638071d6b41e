"""The SELECTs that the events between two scans are made of.

The first is over the views. The other is over the tables `machines`, `patches` and `history`, which
`scanner.reports.diff_events` fills.
"""

from __future__ import annotations

#: The machines of both scans by their key, and which targets the later one listed to the end; `$before` and `$after`
#: are the ids of the scans. A machine `has_left` if the later scan did not list it, though it listed its target.
MACHINES = """
WITH listed AS (
  SELECT account_id, region, instance_id,
    any_value(computer_name ORDER BY scan_id = $after DESC) AS computer_name,
    bool_or(scan_id = $before AND status <> $gone) AS was_listed,
    bool_or(scan_id = $after AND status <> $gone) AS is_listed,
    coalesce(bool_or(list_contains($with_rows, status) OR patch_rows > 0) FILTER (scan_id = $after), false) AS is_read,
    coalesce(any_value(is_listed_target), false) AS is_listed_target
  FROM nodes LEFT JOIN (
    SELECT account_id, region, true AS is_listed_target FROM targets WHERE scan_id = $after AND status = $scanned
  ) USING (account_id, region)
  WHERE scan_id IN ($before, $after) GROUP BY ALL
)
SELECT account_id, region, instance_id, computer_name, was_listed, is_read,
  was_listed AND NOT is_listed AND is_listed_target AS has_left
FROM listed ORDER BY account_id, region, instance_id
"""


def _members(rows: str, name: str) -> str:
    return f"[row.{name} FOR row IN {rows}]"


# A package is what a ticket is about: its KB id on a node, whichever versions of it the node lacks. The title is no
# part of the key, because on Linux it names the version that the node is to get, which the next update changes.
#
# Numbers are compared first: texts are looked at of the packages that differ, a few of all that a fleet lacks.
#: The events of the nodes from `$first` to `$last`, by node and KB id; `$at` is when the later scan ended.
EVENTS = f"""
WITH rows AS (
    SELECT node, kb_id, patch, since, is_after, was_listed AND NOT has_left AS is_steady
    FROM history JOIN machines USING (node) JOIN patches USING (patch)
    WHERE node BETWEEN $first AND $last AND (is_read OR has_left)
  ),
  differing AS (
    SELECT DISTINCT node, kb_id FROM (
      FROM rows SELECT node, kb_id GROUP BY node, kb_id, patch, is_steady
      HAVING NOT is_steady OR sum(if(is_after, 1, -1)) <> 0
    )
  ),
  packages AS (
    SELECT node, kb_id,
      list_sort(list({{title: title, state: state}}) FILTER (NOT is_after)) AS rows_before,
      list_sort(list({{title: title, state: state}}) FILTER (is_after)) AS rows_after,
      min(severity) FILTER (NOT is_after) AS severity_before,
      min(severity) FILTER (is_after) AS severity_after,
      min(since) FILTER (NOT is_after) AS since_before, min(since) FILTER (is_after) AS since_after
    FROM rows SEMI JOIN differing USING (node, kb_id) JOIN patches USING (patch, kb_id) GROUP BY node, kb_id
  ),
  compared AS (
    SELECT * REPLACE (
        if(has_left, NULL, rows_after) AS rows_after,
        if(has_left, severity_before, coalesce(severity_after, severity_before)) AS severity_after,
        if(has_left, since_before, coalesce(since_after, since_before)) AS since_after
      ),
      CASE
        WHEN has_left THEN if(rows_before IS NULL, NULL, 'closed')
        WHEN rows_after IS NULL THEN 'closed'
        WHEN rows_before IS NULL OR NOT was_listed THEN 'opened'
        WHEN (rows_before, severity_before) IS DISTINCT FROM (rows_after, severity_after) THEN 'changed'
      END AS event
    FROM packages JOIN machines USING (node)
  )
SELECT event, sha256(concat_ws('/', account_id, region, instance_id, kb_id))[:32] AS key,
  CASE WHEN has_left THEN 'node_left' WHEN event = 'closed' THEN 'not_lacking' END AS reason,
  account_id, region, instance_id, computer_name, kb_id, severity_after AS severity,
  {_members("rows_after", "title")} AS titles, {_members("rows_after", "state")} AS states,
  {_members("rows_before", "title")} AS titles_before, {_members("rows_before", "state")} AS states_before,
  strftime(make_timestamp(epoch_us(since_after)), '%Y-%m-%dT%H:%M:%SZ') AS missing_since,
  $at AS observed_at, $before AS before, $after AS after
FROM compared WHERE event IS NOT NULL ORDER BY node, kb_id
"""  # noqa: S608 - our own words
