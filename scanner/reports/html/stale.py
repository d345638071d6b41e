"""The machines of a scan that were read, and whose patch data is too old to call anything fine."""

from __future__ import annotations

import msgspec
from msgspec import Struct, structs

from scanner.core.model import EpochMs
from scanner.reports.html.machines import NAMED, Machine
from scanner.reports.sql.query import Fetcher, Parameters
from scanner.reports.staleness import DAY_MS, STALE_REASON, StaleReason, stale_parameters
from scanner.reports.statuses import VERIFIED, values


class StaleGroup(Struct, frozen=True):
    """How many machines are stale for one reason."""

    reason: StaleReason
    machines: int
    accounts: int


class Stale(Struct, frozen=True):
    """The stale machines by reason, the most frequent first; `machines` is bounded, `total` is its whole length."""

    groups: tuple[StaleGroup, ...] = ()
    machines: tuple[Machine, ...] = ()
    total: int = 0


_STALE = f"""
WITH
  {NAMED},
  judged AS (SELECT *, $now_ms AS read_at FROM nodes WHERE list_contains($verified, status)),
  stale AS MATERIALIZED (
    SELECT account_id, accounts_named.account_name, region, instance_id, coalesce(names.name, computer_name) AS name,
      platform_name, {STALE_REASON} AS reason,
      epoch_ms(launch_time) AS launched_at, epoch_ms(operation_end_time) AS operation_ended_at,
      missing_count AS missing, failed_count AS failed, installed_pending_reboot_count AS pending_reboot
    FROM judged
    LEFT JOIN names USING (account_id, region, instance_id)
    LEFT JOIN accounts_named USING (account_id)
    WHERE {STALE_REASON} IS NOT NULL
  ),
  groups AS (
    SELECT reason, count(*) AS machines, count(DISTINCT account_id) AS accounts FROM stale GROUP BY reason
  ),
  ranked AS (SELECT *, count(*) OVER (PARTITION BY reason) AS alike FROM stale)
SELECT
  ARRAY(SELECT g FROM groups g ORDER BY machines DESC, reason) AS groups,
  ARRAY(
    SELECT r FROM ranked r
    ORDER BY alike DESC, reason, operation_ended_at NULLS FIRST, account_id, region, instance_id LIMIT $long
  ) AS machines,
  (SELECT count(*) FROM stale) AS total
"""  # noqa: S608 - our own words


async def read_stale(views: Fetcher, finished_at: EpochMs, stale_after_days: int, limit: int) -> Stale:
    """Returns the machines whose data was stale when the scan ended, at most `limit` of them by name."""
    parameters: Parameters = {
        **stale_parameters(finished_at, stale_after_days),
        "verified": values(VERIFIED),
        "long": limit,
    }
    (row,) = (await views.fetch(_STALE, parameters)).to_pylist()
    stale = msgspec.convert(row, Stale)
    named = tuple(structs.replace(each, reason=StaleReason(str(each.reason)).sentence) for each in stale.machines)
    return structs.replace(stale, machines=named)


def stale_nodes(finished_at: EpochMs, stale_after_days: int) -> str:
    """Returns the query that lists all stale machines."""
    fresh_from = finished_at - stale_after_days * DAY_MS
    statuses = ", ".join(f"'{status}'" for status in values(VERIFIED))
    return f"FROM nodes WHERE status IN ({statuses}) AND coalesce(epoch_ms(operation_end_time), 0) < {fresh_from}"
