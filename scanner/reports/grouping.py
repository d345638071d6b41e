"""Groups machines by a tag, organizational unit, account, Region, operating system or patch group."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from msgspec import Struct, structs

from scanner.core.errors import ConfigError
from scanner.core.model import NodeStatus, ScanRow, ScanStatus, TargetStatus
from scanner.reports.scan_row import scan_status
from scanner.reports.sql.query import Fetcher, Parameters

_TAG = "tag:"
_UNIT = "ou"
_COLUMNS = {"account": "account_id", "region": "region", "os": "platform_name", "patch_group": "patch_group"}
_LABELS = {_UNIT: "organizational unit", "region": "Region", "os": "operating system", "patch_group": "patch group"}
#: What `parse_grouping` takes, for help texts and messages.
GROUPINGS = f"{_TAG}KEY, {_UNIT}, {', '.join(_COLUMNS)}"

#: A machine without the tag, or with an empty value, has the value null.
_BY_TAG = """
  SELECT scan_id, account_id, region, instance_id, nullif(tagged.value, '') AS value, status, baseline_id
  FROM {nodes} LEFT JOIN (
    SELECT scan_id, account_id, region, instance_id, min(value) AS value FROM tags WHERE key = $tag_key GROUP BY ALL
  ) AS tagged USING (scan_id, account_id, region, instance_id)
"""

#: A unit is the path of an account from the root of the organization; null where the account was not listed.
_BY_UNIT = """
  SELECT scan_id, account_id, region, instance_id, nullif(units.value, '') AS value, status, baseline_id
  FROM {nodes} LEFT JOIN (
    SELECT scan_id, account_id, min(ou_path) AS value FROM targets GROUP BY ALL
  ) AS units USING (scan_id, account_id)
"""


class Grouping(Struct, frozen=True):
    """What machines are grouped by: a column of `nodes`, the unit of their account, or the value of a tag."""

    name: str  # as the user wrote it
    tag_key: str | None = None

    @property
    def label(self) -> str:
        """Returns what stands in a sentence: `tag Team`, `operating system`."""
        return _LABELS.get(self.name, self.name) if self.tag_key is None else f"tag {self.tag_key}"

    @property
    def parameters(self) -> Parameters:
        """Returns the parameters of `members`."""
        return {} if self.tag_key is None else {"tag_key": self.tag_key}

    def members(self, nodes: str = "nodes") -> str:
        """Returns a SELECT of the machines in `nodes`: scan id, key, `value`, `status` and `baseline_id`."""
        if self.tag_key is not None:
            return _BY_TAG.format(nodes=nodes)
        if self.name == _UNIT:
            return _BY_UNIT.format(nodes=nodes)
        value = f"nullif({_COLUMNS[self.name]}, '') AS value"
        return f"SELECT scan_id, account_id, region, instance_id, {value}, status, baseline_id FROM {nodes}"  # noqa: S608 - ours


class Group(Struct, frozen=True):
    """The machines with one value; `nodes` counts them by status, `value` None stands for those without a value."""

    value: str | None
    nodes: Mapping[str, int]


_NUMBERED = """,
  relevant_nodes AS (FROM main.relevant_nodes SEMI JOIN members USING (account_id, region, instance_id)),
  relevant_rows AS (FROM main.relevant_rows SEMI JOIN relevant_nodes USING (node)),
  relevant_patches AS (FROM main.relevant_patches SEMI JOIN relevant_rows USING (patch))
"""


class GroupViews:
    """The views narrowed to one group: its nodes with their patches and baselines, and every target."""

    def __init__(self, views: Fetcher, grouping: Grouping, value: str | None) -> None:
        self._views = views
        self._numbered = ""
        self._parameters: Parameters = {**grouping.parameters, "group_value": value}
        # A subquery sees these in place of the views of the same names.
        self._narrowed = f"""
            WITH members AS MATERIALIZED (
              SELECT * FROM ({grouping.members("main.nodes")}) WHERE value IS NOT DISTINCT FROM $group_value::VARCHAR
            ),
            nodes AS (FROM main.nodes SEMI JOIN members USING (account_id, region, instance_id)),
            patches AS (FROM main.patches SEMI JOIN members USING (account_id, region, instance_id)),
            baselines AS (FROM main.baselines SEMI JOIN members USING (account_id, region, baseline_id))
        """  # noqa: S608 - our own words

    async def number_patches(self) -> None:
        """Adds the tables of `scanner.reports.sql.numbered`, of which the group sees its own rows."""
        await self._views.number_patches()
        self._numbered = _NUMBERED

    async def fetch(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        """Returns the answer to one SELECT over the group; raises as `Views.fetch` does."""
        return await self._views.fetch(
            f"{self._narrowed}{self._numbered} SELECT * FROM (\n{sql}\n)",  # noqa: S608 - our own words
            {**(parameters or {}), **self._parameters},
        )


def parse_grouping(text: str) -> Grouping:
    """Returns what `tag:KEY`, `ou`, `account`, `region`, `os` or `patch_group` stands for.

    Raises:
        ConfigError: it is none of them.
    """
    if text.startswith(_TAG) and text != _TAG:
        return Grouping(text, text.removeprefix(_TAG))
    if text == _UNIT or text in _COLUMNS:
        return Grouping(text)
    raise ConfigError(f"machines cannot be grouped by {text!a}; use one of {GROUPINGS}")


async def groups_of(views: Fetcher, grouping: Grouping) -> list[Group]:
    """Returns the groups of a scan, sorted by value; the machines without a value come last."""
    sql = f"SELECT value, status, count(*) AS nodes FROM ({grouping.members()}) GROUP BY ALL ORDER BY value NULLS LAST"  # noqa: S608 - our own words
    counts: dict[str | None, dict[str, int]] = {}
    for row in (await views.fetch(sql, grouping.parameters)).to_pylist():
        counts.setdefault(row["value"], {})[row["status"]] = row["nodes"]
    return [Group(value, nodes) for value, nodes in counts.items()]


def scan_of_group(scan: ScanRow, group: Group) -> ScanRow:
    """Returns the row that the scan would have, had it only these machines; it keeps all targets."""
    nodes = {NodeStatus(status): count for status, count in group.nodes.items()}
    targets = {TargetStatus(status): count for status, count in scan.targets.items()}
    status = scan_status(scan.scope, targets, nodes)
    # Other groups were read, so that the scan itself did not fail.
    status = ScanStatus.PARTIAL if status is ScanStatus.FAILED else status
    return structs.replace(scan, status=status, nodes=dict(group.nodes))
