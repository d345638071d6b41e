"""The SELECTs behind the answer to a CVE: what each machine of the scan `$scan_id` is to it, and why.

They go by the tables that `scanner.reports.cve_patches` adds to the views.
"""

from __future__ import annotations

from scanner.reports.staleness import STALE_REASON

#: The columns of `nodes` that the answer reads, with those that machines are grouped by and that feeds go by.
NODE_COLUMNS = (
    "scan_id",
    "account_id",
    "region",
    "instance_id",
    "status",
    "reason",
    "platform_type",
    "platform_name",
    "platform_version",
    "computer_name",
    "ping_status",
    "last_successful_association_time",
    "patch_group",
    "baseline_id",
    "operation_end_time",
)

#: Replaced by what feeds say, where there are any; see `scanner.reports.cve_by_feed`.
_NO_FEEDS = """
  by_feed_machines AS (SELECT account_id, region, instance_id, false AS is_sure FROM nodes WHERE false),
"""
_FEEDS = """
  by_feed_machines AS (FROM main.feed_machines),
"""

_PATCHES = """
  fixes AS MATERIALIZED (
    SELECT coalesce(list(DISTINCT kb_id), []) || coalesce(list(DISTINCT title), []) AS names,
      if($severity IS NULL, coalesce(list(DISTINCT coalesce(fix_severity, '')), []), [$severity]) AS severities
    FROM main.cve_named WHERE is_fix
  ),
  lacked_by_node AS (
    SELECT account_id, region, instance_id,
      bool_or(state <> $pending_state) AS lacks_fix,
      bool_or(by_aws) AS lacks_by_aws,
      bool_or(state = $pending_state) AS is_pending
    FROM main.cve_lacked GROUP BY ALL
  ),
  may_lack AS (SELECT *, true AS may_lack_fix FROM main.cve_may_lack),
"""

#: A baseline hides a fix as long as it has not approved it; `approves_security` is null where it never will.
_BASELINES = """
  read_baselines AS (
    SELECT DISTINCT ON (account_id, region, baseline_id) account_id, region, baseline_id, rejected_patches,
      CASE WHEN approve_until_date IS NOT NULL
        THEN coalesce(try_cast(approve_until_date AS DATE), '-infinity') END AS approves_until,
      len(narrowed_by) > 0 AS is_narrowed, modified_at,
      CASE
        WHEN approve_after_days_max IS NOT NULL THEN approve_after_days_max
        WHEN approve_until_date IS NOT NULL THEN 0
        WHEN compliance_level IS NOT NULL AND list_contains($without_delay, operating_system) THEN 0
      END AS delay_days,
      [lower(severity) FOR severity IN security_severities] AS approved
    FROM baselines WHERE scan_id = $scan_id
  ),
"""

_UNTIL_APPROVED = """
CASE
  WHEN modified_at > operation_end_time THEN $baseline_changed
  WHEN approved IS NULL AND is_narrowed THEN $products_limited
  WHEN delay_days IS NULL OR approved IS NULL THEN $nothing_approved
  WHEN NOT (len(approved) = 0 OR (len(fixes.severities) > 0 AND list_has_all(approved, fixes.severities))
    OR len([1 FOR complete IN $severity_scales IF list_has_all(approved, string_split(complete, ','))]) > 0)
    THEN $severity_not_approved
  WHEN len(rejected_patches) > 0 AND (len(fixes.names) = 0 OR len([1 FOR name IN rejected_patches
    IF len([1 FOR fix IN fixes.names IF fix GLOB name OR starts_with(fix, name)]) > 0]) > 0) THEN $may_be_rejected
  WHEN approves_until < operation_end_time::DATE THEN $approved_until_date
  WHEN $published IS NULL AND delay_days > 0 THEN $publication_unknown
  WHEN operation_end_time < $published::TIMESTAMPTZ + to_days(1 + delay_days::INTEGER) THEN $not_approved_yet
END
"""

_MACHINES = f"""
  machines AS NOT MATERIALIZED (
    SELECT account_id, region, instance_id, computer_name, platform_name, ping_status, status, reason,
      ($now_ms - epoch_ms(operation_end_time)) // 86_400_000 AS data_age_days,
      CASE
        WHEN lacks_fix THEN $lacks_fix
        WHEN is_pending THEN $pending_reboot
        WHEN NOT list_contains($verified, status) THEN status
        ELSE coalesce(
          {STALE_REASON},
          if(is_sure OR (NOT is_sure AND NOT coalesce(may_lack_fix, false)), $has_fix, NULL),
          if(may_lack_fix, $unnamed_cves, NULL),
          if(read_baselines.baseline_id IS NULL, $baseline_unread, NULL),
          {_UNTIL_APPROVED},
          $not_affected
        )
      END AS finding,
      (finding IN ($lacks_fix, $pending_reboot) AND NOT lacks_by_aws) OR finding = $has_fix AS by_feed
    FROM (SELECT *, $read_at AS read_at FROM nodes WHERE scan_id = $scan_id AND status <> $gone) AS node
    CROSS JOIN fixes
    LEFT JOIN lacked_by_node USING (account_id, region, instance_id)
    LEFT JOIN may_lack USING (account_id, region, instance_id)
    LEFT JOIN by_feed_machines USING (account_id, region, instance_id)
    LEFT JOIN read_baselines ON read_baselines.account_id = node.account_id AND read_baselines.region = node.region
      AND read_baselines.baseline_id = split_part(node.baseline_id, '/', -1)
  )
"""  # noqa: S608 - our own words

_WITH = f"WITH {_NO_FEEDS} {_PATCHES} {_BASELINES} {_MACHINES}"

#: The machines by status, finding and account.
COUNTS = f"""
{_WITH}
SELECT status, finding, account_id, by_feed, count(*) AS machines FROM machines GROUP BY ALL
"""  # noqa: S608 - our own words

#: The targets of the scan in which something was not asked.
NOT_ASKED = """
SELECT account_id, region, not_asked FROM targets WHERE scan_id = $scan_id AND not_asked IS NOT NULL
ORDER BY account_id, region
"""

_COLUMNS = """
account_id, region, instance_id, computer_name, platform_name, ping_status, state, severity, kb_id, title,
answer, data_age_days, if(by_aws, reason, concat_ws('; ', $by_feed, reason)) AS reason
"""

#: One row for each patch that fixes the CVE and is not in effect on a node.
LACKING = f"""
{_WITH}
SELECT {_COLUMNS}
FROM (
  SELECT *, if(state = $pending_state, $pending_reboot, $lacks_fix) AS answer FROM main.cve_lacked
) JOIN machines USING (account_id, region, instance_id)
ORDER BY account_id, region, instance_id, kb_id, title
"""  # noqa: S608 - our own words

#: `LACKING`, then one row for each machine for which there is no answer, with the reason.
LACKING_AND_UNKNOWN = f"""
{_WITH}
SELECT {_COLUMNS}
FROM (
  SELECT *, if(state = $pending_state, $pending_reboot, $lacks_fix) AS answer FROM main.cve_lacked
) JOIN machines USING (account_id, region, instance_id)
UNION ALL
SELECT account_id, region, instance_id, computer_name, platform_name, ping_status, NULL, NULL, NULL, NULL,
  $unknown, data_age_days, coalesce(list_extract($sentences, list_position($findings, finding)), finding)
    || if(reason IS NULL, '', ': ' || reason)
FROM machines WHERE NOT list_contains($answers, finding)
ORDER BY answer, account_id, region, instance_id, kb_id, title
"""  # noqa: S608 - our own words


def by_group(members: str) -> str:
    """Returns the SELECT that counts the machines of each group by their answer; `members` is one of `Grouping`."""
    return f"""
{_WITH}
SELECT value AS "group", count(*) AS machines,
  count(*) FILTER (finding = $lacks_fix) AS lacks_fix,
  count(*) FILTER (finding = $pending_reboot) AS pending_reboot,
  count(*) FILTER (finding = $not_affected) AS not_affected,
  count(*) FILTER (NOT list_contains($answers, finding)) AS unknown,
  count(*) FILTER (finding = $has_fix) AS has_fix
FROM machines JOIN ({members}) AS member USING (account_id, region, instance_id)
WHERE member.scan_id = $scan_id
GROUP BY ALL ORDER BY lacks_fix DESC, pending_reboot DESC, unknown DESC, "group" NULLS LAST
"""  # noqa: S608 - our own words


def of_group(sql: str, members: str) -> str:
    """Returns `LACKING` or `LACKING_AND_UNKNOWN` for the machines of the group `$group_value` alone."""
    return f"""
SELECT answers.* FROM ({sql}) AS answers SEMI JOIN (
  SELECT * FROM ({members}) WHERE scan_id = $scan_id AND value IS NOT DISTINCT FROM $group_value::VARCHAR
) AS member USING (account_id, region, instance_id)
ORDER BY answer, account_id, region, instance_id, kb_id, title
"""  # noqa: S608 - our own words


def with_feeds(sql: str) -> str:
    """Returns one of these SELECTs over the table `feed_machines`, which feeds were read into."""
    return sql.replace(_NO_FEEDS, _FEEDS)
