"""What each group of machines lacks, such as each team by its tag."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from scanner.reports.grouping import Grouping
from scanner.reports.sql.query import Fetcher, Parameters


class GroupCounts(Struct, frozen=True):
    """The machines of one value; `missing` and `failed` are patches, the others nodes, as in the list of accounts."""

    value: str | None
    nodes: int
    unknown: int
    lacking: int
    pending_reboot: int
    missing: int
    failed: int


class Groups(Struct, frozen=True):
    """The groups with the most missing and failed patches; `total` is how many there are."""

    name: str
    rows: tuple[GroupCounts, ...]
    total: int


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
            sum(missing)::BIGINT AS missing, sum(failed)::BIGINT AS failed
          FROM known JOIN members USING (account_id, region, instance_id) GROUP BY value
        )
        SELECT *, count(*) OVER () AS total FROM groups
        ORDER BY missing + failed DESC, lacking DESC, value NULLS LAST LIMIT $long
    """  # noqa: S608 - our own words
    table = await views.fetch(sql, {**parameters, **grouping.parameters, "long": limit})
    rows = table.to_pylist()
    return Groups(grouping.label, msgspec.convert(rows, tuple[GroupCounts, ...]), rows[0]["total"] if rows else 0)
