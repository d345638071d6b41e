"""The SELECTs behind a check, over the views of one scan; they give only what violates a rule or leaves it open."""

from __future__ import annotations

from datetime import UTC, datetime

from scanner.core.model import EpochMs, ScanRow
from scanner.core.state_names import LACKING_STATES, PENDING_REBOOT, WITHOUT_SECURITY_FIXES
from scanner.reports.check.policy import EVERY_OTHER, AgeLimit, Policy
from scanner.reports.cve_by_feed import INSTALLED, ON_DPKG
from scanner.reports.grouping import Grouping
from scanner.reports.named_cves import AWS_CVES, MAY_BE_SECURITY, NAMED_CVES
from scanner.reports.sql.query import Parameters
from scanner.reports.staleness import STALE_REASON, stale_parameters
from scanner.reports.statuses import NOT_OURS, VERIFIED, values

_MACHINES = f"""
  machines AS (
    SELECT account_id, region, instance_id, computer_name, platform_name, status, reason, ou_path, history_since,
      operation_end_time, "group", coalesce(tags, []) AS tags,
      if(list_contains($verified, status), {STALE_REASON}, status) AS unknown
    FROM (SELECT *, $read_at AS read_at FROM nodes WHERE NOT list_contains($not_ours, status)) AS node
    LEFT JOIN (SELECT account_id, max(ou_path) AS ou_path FROM targets GROUP BY ALL) AS placed USING (account_id)
    LEFT JOIN (
      SELECT account_id, region, instance_id, list(key || '=' || value) AS tags FROM tags
      WHERE list_contains($tag_keys, key) GROUP BY ALL
    ) AS tagged USING (account_id, region, instance_id)
    LEFT JOIN (SELECT account_id, region, instance_id, value AS "group" FROM (GROUPS)) AS grouped
      USING (account_id, region, instance_id)
  )
"""  # noqa: S608 - our own words

_KEY = "account_id, region, instance_id"
_MACHINE = 'account_id, region, instance_id, computer_name, platform_name, ou_path, "group", tags'

#: The machines without evidence: `unknown` is a node status or a reason for which data is stale.
UNKNOWN_MACHINES = f"""
WITH {_MACHINES}
SELECT {_MACHINE}, status, unknown, reason FROM machines WHERE unknown IS NOT NULL
ORDER BY account_id, region, instance_id
"""  # noqa: S608 - our own words

#: `at_least_ms` is how long the patch is lacking for certain, `at_most_ms` how long it can be at most, null where
#: nothing says so. A patch that is lacking since the history of its node began may be lacking for longer.
_AGES = f"""
  ages AS (
    SELECT {_MACHINE}, kb_id, title, severity, state, cve_ids, LIMIT_MS AS limit_ms,
      epoch_ms(CLOCK) AS since_ms,
      $now_ms - epoch_ms(coalesce(CLOCK, operation_end_time)) AS at_least_ms,
      least(if(CLOCK > history_since, $now_ms - epoch_ms(CLOCK), NULL), $now_ms - released_ms) AS at_most_ms
    FROM patches JOIN machines USING (account_id, region, instance_id)
    LEFT JOIN (RELEASES) AS released USING (kb_id)
    WHERE list_contains($lacking, state)
  )
"""  # noqa: S608 - our own words

#: The patches that are lacking for longer than their limit, and those that may be.
AGES = f"""
WITH {_MACHINES}, {_AGES}
SELECT * EXCLUDE (at_most_ms), at_least_ms > limit_ms AS is_violated FROM ages
WHERE limit_ms IS NOT NULL AND NOT coalesce(at_most_ms <= limit_ms AND at_least_ms <= limit_ms, false)
ORDER BY is_violated DESC NULLS LAST, account_id, region, instance_id, kb_id, title
"""  # noqa: S608 - our own words

#: The CVEs of a lacking patch: AWS's, those that AWS names for it on another machine, and those of the KBs that a KB
#: brings beyond what is installed. They are all of them (`is_named`) where AWS names any, or where the feed tells all
#: that the KB covers, down to a KB that is installed.
_LACKED = f"""
  {NAMED_CVES}
  installed_covers AS (
    SELECT DISTINCT {_KEY}, covered FROM patches JOIN kb_covers USING (kb_id) WHERE list_contains($installed, state)
  ),
  by_msrc AS (
    SELECT {_KEY}, kb_id, list(DISTINCT cve_id) FILTER (cve_id IS NOT NULL AND is_there IS NULL) AS feed_cves,
      bool_or(coalesce(is_there, false)) OR NOT bool_or(coalesce(is_open, false)) AS is_told
    FROM (SELECT DISTINCT {_KEY}, kb_id FROM patches WHERE list_contains($lacking, state)) AS lacking
    JOIN kb_covers USING (kb_id)
    LEFT JOIN (SELECT *, true AS is_there FROM installed_covers) AS there USING ({_KEY}, covered)
    LEFT JOIN kb_fixes USING (covered)
    LEFT JOIN (SELECT kb_id, true AS is_open FROM kb_open) AS opened USING (kb_id)
    GROUP BY {_KEY}, kb_id
  ),
  {ON_DPKG}
  affected AS (FROM on_dpkg JOIN kev_packages USING (distribution, release, package)),
  orders AS (
    SELECT version, fixed, compare_dpkg(version, fixed) AS version_order
    FROM (SELECT DISTINCT version, fixed FROM affected)
  ),
  by_osv AS (
    SELECT {_KEY}, kb_id, title, severity, state, list(cve_id) AS cves FROM affected JOIN orders USING (version, fixed)
    WHERE version_order < 0
      OR (version_order = 0 AND NOT list_contains($installed, state) AND state <> $pending_state)
    GROUP BY ALL
  ),
  lacked AS (
    SELECT {_KEY}, kb_id, title, severity, state,
      {AWS_CVES} AS aws_cves, coalesce(feed_cves, []) AS feed_cves,
      len(aws_cves) > 0 OR coalesce(is_told, false) AS is_named,
      {MAY_BE_SECURITY} AS may_be_security
    FROM patches LEFT JOIN named USING (kb_id, title) LEFT JOIN by_msrc USING ({_KEY}, kb_id)
    WHERE list_contains($lacking, state)
  ),
  told AS (
    SELECT {_KEY}, kb_id, title, severity, state, unnest(aws_cves) AS cve_id, false AS by_feed FROM lacked
    UNION ALL
    SELECT {_KEY}, kb_id, title, severity, state,
      unnest([cve FOR cve IN feed_cves IF NOT list_contains(aws_cves, cve)]), true FROM lacked
    UNION ALL SELECT {_KEY}, kb_id, title, severity, state, unnest(cves), true FROM by_osv
  )
"""  # noqa: S608 - our own words

#: The patches that fix a known exploited vulnerability whose due date has passed.
KEV_OVERDUE = f"""
WITH {_MACHINES}, {_LACKED}
SELECT {_MACHINE}, kb_id, title, severity, state, min(due_date) AS due, bool_and(by_feed) AS by_feed,
  list(DISTINCT kev.cve_id ORDER BY kev.cve_id) AS cve_ids
FROM told JOIN kev USING (cve_id) JOIN machines USING ({_KEY})
WHERE due_date < $today::DATE GROUP BY ALL
ORDER BY {_KEY}, kb_id, title
"""  # noqa: S608 - our own words

#: The machines that lack patches whose CVEs are not named, so that they may fix a known exploited vulnerability.
KEV_UNKNOWN = f"""
WITH {_MACHINES}, {_LACKED}
SELECT {_MACHINE}, count(*) AS patches FROM lacked JOIN machines USING ({_KEY})
WHERE NOT is_named AND may_be_security GROUP BY ALL
ORDER BY {_KEY}
"""  # noqa: S608 - our own words

#: The accounts in which EC2 was not asked which instances there are.
WITHOUT_INSTANCES = """
SELECT count(DISTINCT account_id) AS accounts FROM targets WHERE contains(not_asked, 'ec2:DescribeInstances')
"""

_CLOCKS = {"patch": "missing_since", "package": "package_missing_since"}
_NO_GROUPS = "SELECT account_id, region, instance_id, NULL::VARCHAR AS value FROM nodes"
_NO_RELEASES = "SELECT NULL::VARCHAR AS kb_id, NULL::BIGINT AS released_ms WHERE false"
#: A KB cannot be lacking for longer than it exists.
_RELEASES = "SELECT kb_id, epoch_ms(min(published)::TIMESTAMP) AS released_ms FROM msrc_fixes GROUP BY kb_id"


def with_policy(sql: str, policy: Policy, by: Grouping | None, *, has_releases: bool) -> str:
    """Returns the SELECT with the parts that depend on the policy: limits by severity, clock, groups."""
    limits = ", ".join(str(limit.limit_ms) for _, limit in _by_spelling(policy))
    other = next((str(limit.limit_ms) for limit in policy.max_age if limit.severity == EVERY_OTHER), "NULL")
    place = "list_position($severities, coalesce(severity, 'Unspecified'))"
    return (
        sql.replace("GROUPS", by.members() if by else _NO_GROUPS)
        .replace("LIMIT_MS", f"coalesce(list_extract([{limits}]::BIGINT[], {place}), {other}::BIGINT)")
        .replace("CLOCK", _CLOCKS[policy.clock])
        .replace("RELEASES", _RELEASES if has_releases else _NO_RELEASES)
    )


def check_parameters(
    policy: Policy, by: Grouping | None, *, scan: ScanRow, now: EpochMs, stale_after_days: int, tag_keys: list[str]
) -> dict[str, str | int | float | bool | list[str] | None]:
    """Returns every parameter that the SELECTs name."""
    groups: Parameters = by.parameters if by else {}
    return {
        **stale_parameters(now, stale_after_days),
        **groups,
        "read_at": scan.finished_at,
        "today": datetime.fromtimestamp(now / 1000, UTC).date().isoformat(),
        "verified": values(VERIFIED),
        "not_ours": values(NOT_OURS),
        "tag_keys": tag_keys,
        "scan_id": scan.scan_id,
        "installed": list(INSTALLED),
        "pending_state": PENDING_REBOOT,
        "lacking": list(LACKING_STATES),
        "without_security_fixes": list(WITHOUT_SECURITY_FIXES),
        "severities": [spelling for spelling, _ in _by_spelling(policy)],
    }


def _by_spelling(policy: Policy) -> list[tuple[str, AgeLimit]]:
    """Returns the limits by what AWS may write; one spelling before those that stand for several."""
    limits = sorted(policy.max_age, key=lambda limit: len(limit.spellings))
    return [(each, limit) for limit in limits if limit.severity != EVERY_OTHER for each in limit.spellings]
