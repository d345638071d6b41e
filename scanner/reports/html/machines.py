"""The machines of a scan whose patches no report covers, and the sources of AWS that were not asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from scanner.core.model import EpochMs, NodeStatus, Target
from scanner.reports.gap_groups import Gap, group_gaps
from scanner.reports.not_asked import not_asked_sentences
from scanner.reports.sql.query import Fetcher, Parameters

NOT_COVERED = (NodeStatus.UNMANAGED, NodeStatus.STOPPED, NodeStatus.SUMMARY_ONLY, NodeStatus.SERVICE_MANAGED)
MACHINES_BY_REASON = "SELECT status, reason, count(*) AS machines FROM nodes GROUP BY ALL ORDER BY ALL"
NOT_ASKED_TARGETS = "FROM targets WHERE not_asked IS NOT NULL"


class Machine(Struct, frozen=True):
    """A machine that is not covered; `name` is its Name tag, the counts are AWS's own where AWS gives any."""

    account_id: str
    account_name: str | None
    region: str
    instance_id: str
    name: str | None
    platform_name: str | None
    reason: str | None
    launched_at: EpochMs | None
    operation_ended_at: EpochMs | None
    missing: int | None
    failed: int | None
    pending_reboot: int | None


class Reason(Struct, frozen=True):
    """How many machines are not covered for one reason."""

    status: NodeStatus
    reason: str | None
    machines: int
    accounts: int


class NotAsked(Struct, frozen=True):
    """A source of AWS that was not asked in some targets; `reason` is that of the first of them."""

    reason: str
    targets: int
    accounts: int


class Machines(Struct, frozen=True):
    """The machines that are not covered.

    `with_ec2_state` counts the machines of the whole scan that EC2 shows: without any, unmanaged ones are unknown.
    Every list is bounded; the members that end in `_total` have its whole length.
    """

    with_ec2_state: int
    reasons: tuple[Reason, ...] = ()
    reasons_total: int = 0
    unmanaged: tuple[Machine, ...] = ()
    unmanaged_total: int = 0
    stopped: tuple[Machine, ...] = ()
    stopped_total: int = 0
    summary_only: tuple[Machine, ...] = ()
    summary_only_total: int = 0
    service_managed: tuple[Machine, ...] = ()
    service_managed_total: int = 0
    not_asked: tuple[NotAsked, ...] = ()
    not_asked_total: int = 0


#: The Name tag of each machine, and the name of each account.
NAMED = """
  names AS (
    SELECT account_id, region, instance_id, min(value) AS name FROM tags WHERE key = 'Name' GROUP BY ALL
  ),
  accounts_named AS (SELECT account_id, min(account_name) AS account_name FROM targets GROUP BY account_id)
"""

_MACHINES = f"""
WITH
  {NAMED},
  machines AS MATERIALIZED (
    SELECT account_id, accounts_named.account_name, region, instance_id, coalesce(names.name, computer_name) AS name,
      platform_name, status, reason,
      epoch_ms(launch_time) AS launched_at, epoch_ms(operation_end_time) AS operation_ended_at,
      missing_count AS missing, failed_count AS failed, installed_pending_reboot_count AS pending_reboot
    FROM nodes
    LEFT JOIN names USING (account_id, region, instance_id)
    LEFT JOIN accounts_named USING (account_id)
    WHERE list_contains($not_covered, status)
  ),
  reasons AS (
    -- The reason of an association-scanned machine holds its own number of missing patches.
    SELECT status, regexp_replace(reason, ', [0-9]+ missing', '') AS reason,
      count(*) AS machines, count(DISTINCT account_id) AS accounts
    FROM machines GROUP BY ALL
  ),
  ranked AS (SELECT *, count(*) OVER (PARTITION BY status, reason) AS alike FROM machines)
SELECT
  (SELECT count(ec2_state) FROM nodes) AS with_ec2_state,
  ARRAY(
    SELECT r FROM reasons r ORDER BY list_position($not_covered, status), machines DESC, reason LIMIT $long
  ) AS reasons,
  (SELECT count(*) FROM reasons) AS reasons_total,
  ARRAY(
    SELECT r FROM ranked r WHERE status = $unmanaged
    ORDER BY alike DESC, reason, account_id, region, instance_id LIMIT $long
  ) AS unmanaged,
  (SELECT count(*) FROM machines WHERE status = $unmanaged) AS unmanaged_total,
  ARRAY(
    SELECT r FROM ranked r WHERE status = $stopped
    ORDER BY alike DESC, reason, account_id, region, instance_id LIMIT $long
  ) AS stopped,
  (SELECT count(*) FROM machines WHERE status = $stopped) AS stopped_total,
  ARRAY(
    SELECT r FROM ranked r WHERE status = $summary_only
    ORDER BY missing DESC NULLS FIRST, account_id, region, instance_id LIMIT $long
  ) AS summary_only,
  (SELECT count(*) FROM machines WHERE status = $summary_only) AS summary_only_total,
  ARRAY(
    SELECT r FROM ranked r WHERE status = $service_managed
    ORDER BY alike DESC, reason, account_id, region, instance_id LIMIT $long
  ) AS service_managed,
  (SELECT count(*) FROM machines WHERE status = $service_managed) AS service_managed_total
"""  # noqa: S608 - our own words


def machines_of(status: NodeStatus) -> str:
    """Returns the query that lists all machines of a status."""
    return f"FROM nodes WHERE status = '{status.value}'"


async def read_machines(views: Fetcher, limit: int) -> Machines:
    """Returns the machines of the scan that are not covered, at most `limit` in each list."""
    parameters: Parameters = {
        "not_covered": [status.value for status in NOT_COVERED],
        "unmanaged": NodeStatus.UNMANAGED.value,
        "stopped": NodeStatus.STOPPED.value,
        "summary_only": NodeStatus.SUMMARY_ONLY.value,
        "service_managed": NodeStatus.SERVICE_MANAGED.value,
        "long": limit,
    }
    (row,) = (await views.fetch(_MACHINES, parameters)).to_pylist()
    targets = (await views.fetch(f"SELECT account_id, region, not_asked {NOT_ASKED_TARGETS}")).to_pylist()
    sources = sources_not_asked(
        (Target(target["account_id"], target["region"]), target["not_asked"]) for target in targets
    )
    lists = {"not_asked": sources[:limit], "not_asked_total": len(sources)}
    return msgspec.convert({**row, **msgspec.to_builtins(lists)}, Machines)


def sources_not_asked(targets: Iterable[tuple[Target, str]]) -> list[NotAsked]:
    """Returns the sources by reason, those of most targets first; each target comes with its `not_asked`.

    Reasons that differ only in the account, the Region or an instance are one.
    """
    gaps = (Gap(target, "not asked", sentence) for target, text in targets for sentence in not_asked_sentences(text))
    return [
        NotAsked(group.gaps[0].reason or "", len(group.gaps), len({gap.target.account_id for gap in group.gaps}))
        for group in group_gaps(gaps)
    ]
