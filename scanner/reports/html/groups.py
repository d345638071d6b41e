"""Reads what each group of machines lacks, such as each team by its tag."""

from __future__ import annotations

import msgspec

from scanner.reports.group_counts import GroupCounts, Groups
from scanner.reports.grouping import Grouping
from scanner.reports.sql.query import Fetcher, Parameters


async def read_groups(views: Fetcher, grouping: Grouping, nodes_sql: str, parameters: Parameters, limit: int) -> Groups:
    """Returns the groups, at most `limit`; `nodes_sql` is the WITH that defines `known`, which `parameters` fill."""
    sql = f"""
        {nodes_sql}
        members AS ({grouping.members()}),
        groups AS (
          SELECT value, count(*) AS nodes,
            count(*) FILTER (is_unknown) AS unknown,
            count(*) FILTER (is_lacking) AS lacking,
            count(*) FILTER (pending_reboot > 0) AS pending_reboot,
            sum(critical)::BIGINT AS critical,
            sum(missing)::BIGINT AS missing, sum(failed)::BIGINT AS failed
          FROM known JOIN members USING (account_id, region, instance_id) GROUP BY value
        )
        SELECT *, count(*) OVER () AS total FROM groups
        ORDER BY critical DESC, missing + failed DESC, lacking DESC, value NULLS LAST LIMIT $long
    """  # noqa: S608 - our own words
    table = await views.fetch(sql, {**parameters, **grouping.parameters, "long": limit})
    rows = table.to_pylist()
    return Groups(grouping.label, msgspec.convert(rows, tuple[GroupCounts, ...]), rows[0]["total"] if rows else 0)
