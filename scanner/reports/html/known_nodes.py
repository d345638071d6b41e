"""Says in SQL what each node of a scan lacks, over `nodes` and the tables of `scanner.reports.sql.numbered`."""

from __future__ import annotations

from scanner.core.state_names import COUNTED_STATES, NONCOMPLIANT_COUNTS, REJECTED_COUNT

#: The columns of `nodes` that a report reads.
NODE_COLUMNS = (
    "scan_id",
    "account_id",
    "region",
    "instance_id",
    "status",
    "reason",
    "ec2_state",
    "launch_time",
    "platform_name",
    "platform_version",
    "computer_name",
    "ping_status",
    "last_association_time",
    "last_successful_association_time",
    "association_status",
    "patch_group",
    "baseline_id",
    "operation_end_time",
    "reboot_option",
    "last_ping_time",
    "scanned_at",
    "history_since",
    "reboot_pending_since",
    *COUNTED_STATES.values(),
)

#: Defines `known`, and for lists of patches `relevant` and `wrong`.
NODES = """
  relevant AS MATERIALIZED (
    SELECT *, list_contains($lacking, state) AS is_lacking, list_contains($noncompliant, state) AS is_noncompliant,
      state = 'MISSING' AS is_missing, state = 'FAILED' AS is_failed,
      state = 'INSTALLED_PENDING_REBOOT' AS is_pending, coalesce(severity = $critical, false) AS is_critical,
      dense_rank() OVER (ORDER BY severity NULLS FIRST)::INTEGER AS severity_number
    FROM relevant_patches
  ),
  wrong AS NOT MATERIALIZED (
    SELECT * FROM relevant_rows JOIN (
      SELECT patch, kb, severity_number, is_lacking, is_noncompliant, is_missing, is_failed, is_pending, is_critical,
        state = 'AVAILABLE_SECURITY_UPDATE' AS is_available, len(cve_ids) > 0 AS names_cves
      FROM relevant WHERE is_lacking OR is_noncompliant
    ) USING (patch)
  ),
  wrong_by_node AS (
    SELECT node,
      bool_or(is_noncompliant) AS is_noncompliant,
      bool_or(is_lacking) AS is_lacking,
      count(*) FILTER (is_missing) AS missing,
      count(*) FILTER (is_failed) AS failed,
      count(*) FILTER ((is_missing OR is_failed) AND is_critical) AS critical,
      count(*) FILTER (is_available) AS available,
      count(*) FILTER (is_pending) AS pending,
      epoch_ms(min(installed_time) FILTER (is_pending)) AS pending_since,
      bool_or(names_cves) FILTER (is_lacking) AS names_cves
    FROM wrong GROUP BY node
  ),
  numbered_nodes AS MATERIALIZED (
    SELECT account_id, region, instance_id, node, history_since
    FROM nodes JOIN relevant_nodes USING (account_id, region, instance_id)
  ),
  critical_by_node AS (
    -- A patch that was lacking when the history of its node began may be lacking for longer than that.
    SELECT node, count(*) FILTER (is_overdue) AS overdue,
      count(*) FILTER (NOT is_overdue AND NOT coalesce(missing_since > history_since, false)) AS undated
    FROM (
      SELECT node, missing_since, coalesce(epoch_ms(missing_since) < $overdue_before, false) AS is_overdue
      FROM wrong WHERE is_lacking AND is_critical
    ) JOIN numbered_nodes USING (node)
    GROUP BY node
  ),
  accounts_named AS (SELECT account_id, min(account_name) AS account_name FROM targets GROUP BY account_id),
  known AS MATERIALIZED (
    SELECT node, account_id, accounts_named.account_name, region, instance_id, computer_name, platform_name,
      platform_version, ping_status, status, reason, reboot_option,
      coalesce(pending_since, epoch_ms(reboot_pending_since)) AS pending_since,
      epoch_ms(operation_end_time) AS operation_ended_at,
      coalesce(missing, 0) AS missing, coalesce(failed, 0) AS failed, coalesce(critical, 0) AS critical,
      coalesce(overdue, 0) AS overdue, coalesce(undated, 0) AS undated, coalesce(available, 0) AS available,
      greatest(pending, installed_pending_reboot_count, 0) AS pending_reboot,
      coalesce(is_lacking, false) AS is_lacking, NOT coalesce(names_cves, true) AS is_without_cves,
      coalesce(regexp_matches(platform_name, $apt_systems, 'i'), false) AS is_apt,
      NOT list_contains($not_ours, status) AS is_ours,
      NOT list_contains($verified, status)
        OR coalesce($finished_at - epoch_ms(operation_end_time) > $stale_after_ms, true) AS is_unknown,
      -- Null where AWS gave no counts, whatever patches the scan asked for.
      NONCOMPLIANT_COUNTS = 0 AS is_compliant_by_aws,
      coalesce(is_ours AND NOT is_unknown AND NOT coalesce(is_noncompliant, false) AND is_compliant_by_aws, false)
        AS is_compliant,
      ($finished_at - epoch_ms(operation_end_time)) // 86_400_000 AS days
    FROM nodes
    LEFT JOIN numbered_nodes USING (account_id, region, instance_id)
    LEFT JOIN wrong_by_node USING (node)
    LEFT JOIN critical_by_node USING (node)
    LEFT JOIN accounts_named USING (account_id)
    WHERE status <> $gone
  ),
""".replace(
    "NONCOMPLIANT_COUNTS",
    " + ".join(f"coalesce({name}, 0)" if name == REJECTED_COUNT else name for name in NONCOMPLIANT_COUNTS),
)

#: The same for a SELECT that goes on with definitions of its own.
KNOWN_NODES = f"WITH {NODES}"
