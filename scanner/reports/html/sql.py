"""Holds the SELECT behind a report: one row, each column a number or a list of what is shown.

It is a single one, so that what is known of each node is worked out once. The rows of patches, which may be millions,
are those of `scanner.reports.sql.numbered`: with numbers in place of texts they take a sixth of the CPU.
"""

from __future__ import annotations

from scanner.core.model import NodeStatus
from scanner.reports.gap_groups import CAUSE
from scanner.reports.html.known_nodes import NODES

UNKNOWN_NODES = f"FROM nodes WHERE status = '{NodeStatus.NO_PATCH_DATA.value}'"
REBOOTING_NODES = "FROM nodes WHERE installed_pending_reboot_count > 0"

_PLACES = f"""
  target_gaps AS (
    SELECT account_id, accounts_named.account_name, region, status, reason
    FROM targets JOIN accounts_named USING (account_id) WHERE list_contains($target_gaps, status)
  ),
  disabled_targets AS (
    SELECT account_id, accounts_named.account_name, region, status, reason
    FROM targets JOIN accounts_named USING (account_id) WHERE list_contains($disabled, status)
  ),
  target_gap_groups AS (
    SELECT status, count(*) AS gaps, count(DISTINCT account_id) AS accounts,
      min_by(t, (account_id, region), $few) AS first
    FROM target_gaps t GROUP BY status, {CAUSE}
  ),
  disabled_groups AS (
    SELECT status, count(*) AS gaps, count(DISTINCT account_id) AS accounts,
      min_by(t, (account_id, region), $few) AS first
    FROM disabled_targets t GROUP BY status, {CAUSE}
  ),
  node_gap_groups AS (
    SELECT status, count(*) AS gaps, count(DISTINCT account_id) AS accounts,
      min_by(n, (account_id, region, instance_id), $few) AS first
    FROM known n WHERE list_contains($node_gaps, status) GROUP BY status, {CAUSE}
  ),
  places AS (
    SELECT account_id, account_name, region,
      count(instance_id) AS nodes,
      count(*) FILTER (is_unknown) AS unknown,
      count(*) FILTER (is_lacking) AS lacking,
      count(*) FILTER (pending_reboot > 0) AS pending_reboot,
      coalesce(sum(critical), 0)::BIGINT AS critical,
      coalesce(sum(missing), 0)::BIGINT AS missing,
      coalesce(sum(failed), 0)::BIGINT AS failed,
      count(*) FILTER (instance_id IS NULL) AS unread_targets
    FROM (FROM known UNION ALL BY NAME SELECT account_id, account_name, region FROM target_gaps)
    GROUP BY GROUPING SETS ((account_id, account_name), (region))
  ),
"""  # noqa: S608 - our own words

_PATCHES = """
  ranked AS MATERIALIZED (
    SELECT *, coalesce(nullif(list_position($severities, severity), 0), 1_000) AS severity_rank
    FROM relevant WHERE is_lacking
  ),
  by_severity AS (
    -- A node has few severities and may have thousands of rows, so the rows are counted before the nodes are joined.
    SELECT severity, is_apt, severity_rank, missing, failed, nodes
    FROM (
      SELECT severity_number, is_apt, sum(missing)::BIGINT AS missing, sum(failed)::BIGINT AS failed, count(*) AS nodes
      FROM (
        SELECT node, severity_number, count(*) FILTER (is_missing) AS missing, count(*) FILTER (is_failed) AS failed
        FROM wrong WHERE is_missing OR is_failed GROUP BY node, severity_number
      ) JOIN (SELECT node, is_apt FROM known) USING (node)
      GROUP BY severity_number, is_apt
    ) JOIN (SELECT DISTINCT severity_number, severity, severity_rank FROM ranked) USING (severity_number)
  ),
  by_patch AS (
    SELECT kb_id, title, titles, severity, severity_rank, cve_ids, nodes
    FROM (
      SELECT kb, any_value(kb_id) AS kb_id, min(title) AS title, count(DISTINCT title) AS titles,
        arg_min(severity, severity_rank) AS severity, min(severity_rank) AS severity_rank,
        list_sort(list_distinct(flatten(list(DISTINCT cve_ids)))) AS cve_ids
      FROM ranked WHERE is_missing OR is_failed GROUP BY kb
    ) JOIN (
      SELECT kb, count(DISTINCT node) AS nodes FROM wrong WHERE is_missing OR is_failed GROUP BY kb
    ) USING (kb)
  ),
  fixes AS MATERIALIZED (
    SELECT *, dense_rank() OVER (ORDER BY cve_id)::INTEGER AS cve
    FROM (SELECT patch, kb_id, severity, severity_rank, unnest(cve_ids) AS cve_id FROM ranked)
  ),
  by_cve AS (
    SELECT cve_id, severity, severity_rank, kb_ids, nodes, accounts
    FROM (
      SELECT cve, any_value(cve_id) AS cve_id, arg_min(severity, severity_rank) AS severity,
        min(severity_rank) AS severity_rank, list_sort(list(DISTINCT kb_id)) AS kb_ids
      FROM fixes GROUP BY cve
    ) JOIN (
      SELECT cve, count(*) AS nodes, count(DISTINCT account) AS accounts
      FROM (SELECT DISTINCT cve, node FROM relevant_rows JOIN (SELECT DISTINCT patch, cve FROM fixes) USING (patch))
      JOIN relevant_nodes USING (node) GROUP BY cve
    ) USING (cve)
  )
"""

#: A row that fits `scanner.reports.html.findings.Findings`; a node that left is in none of its lists and numbers.
FINDINGS = f"""
WITH {NODES} {_PLACES} {_PATCHES}
SELECT
  (SELECT {{
    lacking: count(*) FILTER (is_lacking),
    without_cves: count(*) FILTER (is_without_cves),
    missing: coalesce(sum(missing), 0)::BIGINT, missing_nodes: count(*) FILTER (missing > 0),
    failed: coalesce(sum(failed), 0)::BIGINT, failed_nodes: count(*) FILTER (failed > 0),
    affected: count(*) FILTER (missing + failed > 0),
    critical: coalesce(sum(critical), 0)::BIGINT, critical_nodes: count(*) FILTER (critical > 0),
    overdue: coalesce(sum(overdue), 0)::BIGINT, overdue_nodes: count(*) FILTER (overdue > 0),
    undated: coalesce(sum(undated), 0)::BIGINT,
    machines: count(*) FILTER (is_ours), compliant: count(*) FILTER (is_compliant),
    unknown: count(*) FILTER (is_ours AND is_unknown AND NOT is_lacking),
    lacking_other: count(*) FILTER (is_ours AND NOT is_compliant AND is_lacking AND critical = 0),
    unlisted: count(*) FILTER (
      is_ours AND NOT is_compliant AND (is_lacking OR NOT is_unknown) AND missing + failed + pending_reboot = 0
    ),
    counted_by_aws: count(is_compliant_by_aws), compliant_by_aws: count(*) FILTER (is_compliant_by_aws),
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
  ARRAY(SELECT g FROM target_gap_groups g ORDER BY gaps DESC, status, first LIMIT $short) AS target_gaps,
  ARRAY(SELECT g FROM disabled_groups g ORDER BY gaps DESC, first LIMIT $short) AS disabled_targets,
  ARRAY(SELECT g FROM node_gap_groups g ORDER BY gaps DESC, status, first LIMIT $short) AS node_gaps,
  ARRAY(
    SELECT s FROM by_severity s WHERE NOT is_apt ORDER BY severity_rank, missing + failed DESC, severity
  ) AS severities,
  ARRAY(SELECT s FROM by_severity s WHERE is_apt ORDER BY missing + failed DESC, severity) AS priorities,
  ARRAY(
    SELECT p FROM places p WHERE account_id IS NOT NULL
    ORDER BY critical DESC, missing + failed DESC, lacking DESC, unread_targets DESC, account_id LIMIT $long
  ) AS accounts,
  ARRAY(
    SELECT p FROM places p WHERE region IS NOT NULL
    ORDER BY critical DESC, missing + failed DESC, lacking DESC, unread_targets DESC, region LIMIT $long
  ) AS regions,
  ARRAY(SELECT p FROM by_patch p ORDER BY nodes DESC, severity_rank, kb_id LIMIT $short) AS patches,
  ARRAY(
    SELECT n FROM known n WHERE missing + failed > 0
    ORDER BY critical DESC, missing + failed DESC, account_id, region, instance_id LIMIT $short
  ) AS nodes,
  ARRAY(SELECT c FROM by_cve c ORDER BY nodes DESC, severity_rank, cve_id LIMIT $short) AS cves,
  ARRAY(
    SELECT n FROM known n WHERE pending_reboot > 0
    ORDER BY pending_since NULLS LAST, account_id, region, instance_id LIMIT $long
  ) AS reboots,
  ARRAY(
    SELECT u FROM (
      SELECT CASE WHEN list_contains($verified, status) THEN 'stale' ELSE status END AS reason, count(*) AS machines
      FROM known WHERE is_ours AND is_unknown AND NOT is_lacking GROUP BY ALL
    ) u ORDER BY machines DESC, reason
  ) AS unknown
"""  # noqa: S608 - our own words
