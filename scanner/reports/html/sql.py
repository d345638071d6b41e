"""Holds the SELECT behind a report: one row, each column a number or a list of what is shown.

It is a single one so that the patches, which may be millions, are read once.
"""

from __future__ import annotations

from scanner.core.model import NodeStatus

UNKNOWN_NODES = f"FROM nodes WHERE status = '{NodeStatus.NO_PATCH_DATA.value}'"
REBOOTING_NODES = "FROM nodes WHERE installed_pending_reboot_count > 0"

_NODES = """
  lacked AS MATERIALIZED (
    SELECT account_id, region, instance_id, kb_id, title, severity, state, installed_time, cve_ids
    FROM patches WHERE list_contains($lacking, state)
  ),
  lacked_by_node AS (
    SELECT account_id, region, instance_id,
      count(*) FILTER (state = 'MISSING') AS missing,
      count(*) FILTER (state = 'FAILED') AS failed,
      count(*) FILTER (state = 'AVAILABLE_SECURITY_UPDATE') AS available,
      count(*) FILTER (state = 'INSTALLED_PENDING_REBOOT') AS pending,
      epoch_ms(min(installed_time) FILTER (state = 'INSTALLED_PENDING_REBOOT')) AS pending_since,
      bool_or(len(cve_ids) > 0) AS names_cves
    FROM lacked GROUP BY ALL
  ),
  accounts_named AS (SELECT account_id, min(account_name) AS account_name FROM targets GROUP BY account_id),
  known AS MATERIALIZED (
    SELECT account_id, accounts_named.account_name, region, instance_id, computer_name, platform_name,
      platform_version, ping_status, status, reason, reboot_option, pending_since,
      epoch_ms(operation_end_time) AS operation_ended_at,
      coalesce(missing, 0) AS missing, coalesce(failed, 0) AS failed, coalesce(available, 0) AS available,
      greatest(pending, installed_pending_reboot_count, 0) AS pending_reboot,
      missing IS NOT NULL AS is_lacking, NOT coalesce(names_cves, true) AS is_without_cves,
      NOT list_contains($verified, status)
        OR coalesce($finished_at - epoch_ms(operation_end_time) > $stale_after_ms, true) AS is_unknown,
      ($finished_at - epoch_ms(operation_end_time)) // 86_400_000 AS days
    FROM nodes
    LEFT JOIN lacked_by_node USING (account_id, region, instance_id)
    LEFT JOIN accounts_named USING (account_id)
    WHERE status <> $gone
  ),
"""

_PLACES = """
  target_gaps AS (
    SELECT account_id, accounts_named.account_name, region, status, reason
    FROM targets JOIN accounts_named USING (account_id) WHERE list_contains($target_gaps, status)
  ),
  disabled_targets AS (
    SELECT account_id, accounts_named.account_name, region, status, reason
    FROM targets JOIN accounts_named USING (account_id) WHERE list_contains($disabled, status)
  ),
  places AS (
    SELECT account_id, account_name, region,
      count(instance_id) AS nodes,
      count(*) FILTER (is_unknown) AS unknown,
      count(*) FILTER (is_lacking) AS lacking,
      count(*) FILTER (pending_reboot > 0) AS pending_reboot,
      coalesce(sum(missing), 0)::BIGINT AS missing,
      coalesce(sum(failed), 0)::BIGINT AS failed,
      count(*) FILTER (instance_id IS NULL) AS unread_targets
    FROM (FROM known UNION ALL BY NAME SELECT account_id, account_name, region FROM target_gaps)
    GROUP BY GROUPING SETS ((account_id, account_name), (region))
  ),
"""

_PATCHES = """
  ranked AS (
    SELECT *, (account_id, region, instance_id) AS node,
      coalesce(nullif(list_position($severities, severity), 0), 1_000) AS severity_rank
    FROM lacked
  ),
  by_severity AS (
    SELECT severity, any_value(severity_rank) AS severity_rank,
      count(*) FILTER (state = 'MISSING') AS missing,
      count(*) FILTER (state = 'FAILED') AS failed,
      count(DISTINCT node) AS nodes
    FROM ranked WHERE state IN ('MISSING', 'FAILED') GROUP BY severity
  ),
  by_patch AS (
    SELECT kb_id, min(title) AS title, count(DISTINCT title) AS titles,
      arg_min(severity, severity_rank) AS severity, min(severity_rank) AS severity_rank,
      list_sort(list_distinct(flatten(list(DISTINCT cve_ids)))) AS cve_ids,
      count(DISTINCT node) AS nodes
    FROM ranked WHERE state IN ('MISSING', 'FAILED') GROUP BY kb_id
  ),
  by_cve AS (
    SELECT cve_id, arg_min(severity, severity_rank) AS severity, min(severity_rank) AS severity_rank,
      list_sort(list(DISTINCT kb_id)) AS kb_ids,
      count(DISTINCT node) AS nodes, count(DISTINCT account_id) AS accounts
    FROM (SELECT *, unnest(cve_ids) AS cve_id FROM ranked) GROUP BY cve_id
  )
"""

#: Defines `known`, the nodes with what each lacks, for a SELECT that goes on with definitions of its own.
KNOWN_NODES = f"WITH {_NODES}"

#: A row that fits `scanner.reports.html.data.Found`; a node that left is in none of its lists and numbers.
FOUND = f"""
WITH {_NODES} {_PLACES} {_PATCHES}
SELECT
  (SELECT {{
    lacking: count(*) FILTER (is_lacking),
    without_cves: count(*) FILTER (is_without_cves),
    missing: coalesce(sum(missing), 0)::BIGINT, missing_nodes: count(*) FILTER (missing > 0),
    failed: coalesce(sum(failed), 0)::BIGINT, failed_nodes: count(*) FILTER (failed > 0),
    affected: count(*) FILTER (missing + failed > 0),
    pending_reboot: count(*) FILTER (pending_reboot > 0),
    node_gaps: count(*) FILTER (list_contains($node_gaps, status)),
    target_gaps: (SELECT count(*) FROM target_gaps),
    disabled_targets: (SELECT count(*) FROM disabled_targets),
    accounts: (SELECT count(account_id) FROM places), regions: (SELECT count(region) FROM places),
    patches: (SELECT count(*) FROM by_patch), cves: (SELECT count(*) FROM by_cve)
  }} FROM known) AS totals,
  (SELECT {{
    day: count(*) FILTER (days < 1), week: count(*) FILTER (days BETWEEN 1 AND 7),
    month: count(*) FILTER (days BETWEEN 8 AND 30), older: count(*) FILTER (days > 30),
    never: count(*) FILTER (days IS NULL AND NOT list_contains($unread, status)),
    unread: count(*) FILTER (days IS NULL AND list_contains($unread, status))
  }} FROM known) AS ages,
  ARRAY(SELECT t FROM target_gaps t ORDER BY account_id, region LIMIT $long) AS target_gaps,
  ARRAY(SELECT t FROM disabled_targets t ORDER BY account_id, region LIMIT $long) AS disabled_targets,
  ARRAY(
    SELECT n FROM known n WHERE list_contains($node_gaps, status)
    ORDER BY status, account_id, region, instance_id LIMIT $long
  ) AS node_gaps,
  ARRAY(SELECT s FROM by_severity s ORDER BY severity_rank, missing + failed DESC, severity) AS severities,
  ARRAY(
    SELECT p FROM places p WHERE account_id IS NOT NULL
    ORDER BY missing + failed DESC, lacking DESC, unread_targets DESC, account_id LIMIT $long
  ) AS accounts,
  ARRAY(
    SELECT p FROM places p WHERE region IS NOT NULL
    ORDER BY missing + failed DESC, lacking DESC, unread_targets DESC, region LIMIT $long
  ) AS regions,
  ARRAY(SELECT p FROM by_patch p ORDER BY nodes DESC, severity_rank, kb_id LIMIT $short) AS patches,
  ARRAY(
    SELECT n FROM known n WHERE missing + failed > 0
    ORDER BY missing + failed DESC, account_id, region, instance_id LIMIT $short
  ) AS nodes,
  ARRAY(SELECT c FROM by_cve c ORDER BY nodes DESC, severity_rank, cve_id LIMIT $short) AS cves,
  ARRAY(
    SELECT n FROM known n WHERE pending_reboot > 0
    ORDER BY pending_since NULLS LAST, account_id, region, instance_id LIMIT $long
  ) AS reboots
"""  # noqa: S608 - our own words
