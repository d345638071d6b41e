"""The patch baselines that the nodes of a scan use, and those of one name whose rules differ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec
from msgspec import Struct

from scanner.core.model import NodeStatus
from scanner.reports.sql.query import Fetcher

_ACCOUNTS_SHOWN = 6


class Account(Struct, frozen=True):
    """An account in which a baseline has these rules."""

    account_id: str
    account_name: str | None


class Baseline(Struct, frozen=True):
    """A baseline with its rules in every account and Region that has it just so; `accounts` are the first few."""

    name: str
    operating_system: str | None
    owner: str | None
    approve_after_days_min: int | None
    approve_after_days_max: int | None
    approve_until_date: str | None
    classifications: tuple[str, ...]
    severities: tuple[str, ...]
    narrowed_by: tuple[str, ...]
    compliance_level: str | None
    approved_patches: tuple[str, ...]
    rejected_patches: tuple[str, ...]
    rejected_patches_action: str | None
    available_security_updates: str | None
    enable_non_security: bool | None
    nodes: int
    accounts: tuple[Account, ...]
    accounts_total: int


class Baselines(Struct, frozen=True):
    """Baselines by the nodes that use them; `drifted` are those of which one name has several sets of rules.

    `unknown_nodes` use a baseline that was not read. Both lists are bounded; the members that end in `_total` have the
    whole length.
    """

    used: tuple[Baseline, ...] = ()
    used_total: int = 0
    drifted: tuple[Baseline, ...] = ()
    drifted_total: int = 0
    unknown_nodes: int = 0


class Variant(Struct, frozen=True):
    """One of several sets of rules that a name has, with what differs from the others."""

    baseline: Baseline
    differences: dict[str, str]


_RULES = {
    "approve_after_days_min": "approved after at least (days)",
    "approve_after_days_max": "approved after at most (days)",
    "approve_until_date": "approved until",
    "classifications": "classifications",
    "severities": "severities",
    "narrowed_by": "limited by",
    "compliance_level": "compliance level",
    "approved_patches": "approved patches",
    "rejected_patches": "rejected patches",
    "rejected_patches_action": "rejected patches action",
    "available_security_updates": "available security updates",
    "enable_non_security": "approves other than security updates",
}
_EVERYTHING = {"classifications", "severities"}  # an empty list of these approves all
_VALUES_SHOWN = 6

_BASELINES = f"""
WITH
  used AS (
    SELECT account_id, region, baseline_id, count(*) AS nodes
    FROM nodes WHERE baseline_id IS NOT NULL AND status <> $gone GROUP BY ALL
  ),
  accounts_named AS (SELECT account_id, min(account_name) AS account_name FROM targets GROUP BY account_id),
  sets AS MATERIALIZED (
    SELECT coalesce(name, baseline_id) AS name, operating_system, owner,
      {", ".join(_RULES)},
      coalesce(sum(used.nodes), 0)::BIGINT AS nodes,
      list_sort(list(DISTINCT {{account_id: account_id, account_name: accounts_named.account_name}})) AS everywhere
    FROM baselines
    LEFT JOIN used USING (account_id, region, baseline_id)
    LEFT JOIN accounts_named USING (account_id)
    GROUP BY ALL
  ),
  counted AS MATERIALIZED (
    SELECT * EXCLUDE (everywhere), everywhere[:{_ACCOUNTS_SHOWN}] AS accounts, len(everywhere) AS accounts_total,
      count(*) OVER (PARTITION BY name, operating_system) AS sets_of_name
    FROM sets
  )
SELECT
  ARRAY(SELECT c FROM counted c ORDER BY nodes DESC, name, operating_system, accounts LIMIT $long) AS used,
  (SELECT count(*) FROM counted) AS used_total,
  ARRAY(
    SELECT c FROM counted c WHERE sets_of_name > 1 ORDER BY name, operating_system, nodes DESC, accounts LIMIT $long
  ) AS drifted,
  (SELECT count(*) FROM counted WHERE sets_of_name > 1) AS drifted_total,
  (
    SELECT coalesce(sum(nodes), 0)::BIGINT FROM used ANTI JOIN baselines USING (account_id, region, baseline_id)
  ) AS unknown_nodes
"""  # noqa: S608 - our own words


async def read_baselines(views: Fetcher, limit: int) -> Baselines:
    """Returns the baselines of the scan, at most `limit` in each list."""
    (row,) = (await views.fetch(_BASELINES, {"gone": NodeStatus.GONE.value, "long": limit})).to_pylist()
    return msgspec.convert(row, Baselines)


def variants(drifted: Sequence[Baseline]) -> list[Variant]:
    """Returns the baselines, which come sorted by name, each with the rules in which its name's sets differ."""
    return [
        Variant(baseline, {_RULES[rule]: _shown(baseline, rule) for rule in differing})
        for _, group in groupby(drifted, key=lambda each: (each.name, each.operating_system))
        for alike in [list(group)]
        for differing in [_differing(alike)]
        for baseline in alike
    ]


def _differing(alike: Sequence[Baseline]) -> list[str]:
    return [rule for rule in _RULES if len({getattr(baseline, rule) for baseline in alike}) > 1]


def _shown(baseline: Baseline, rule: str) -> str:
    value = getattr(baseline, rule)
    if isinstance(value, tuple):
        if not value:
            return "all" if rule in _EVERYTHING else "none"
        more = f" and {len(value) - _VALUES_SHOWN} more" if len(value) > _VALUES_SHOWN else ""
        return ", ".join(value[:_VALUES_SHOWN]) + more
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def approval(baseline: Baseline) -> str:
    """Returns when its rules approve a patch: `after 7 days`, `after 0 to 7 days`, `until 2026-01-01`."""
    fewest, most = baseline.approve_after_days_min, baseline.approve_after_days_max
    days = "" if fewest is None else f"after {fewest} days" if fewest == most else f"after {fewest} to {most} days"
    until = f"until {baseline.approve_until_date}" if baseline.approve_until_date else ""
    return ", ".join(filter(None, (days, until))) or "by name only"
