"""Holds the open views of a scan against a policy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from msgspec import Struct

from scanner.core.model import EpochMs, NodeStatus, ScanRow
from scanner.core.state_names import LACKING_STATES
from scanner.reports.check.check_sql import (
    AGES,
    KEV_OVERDUE,
    KEV_UNKNOWN,
    UNKNOWN_MACHINES,
    WITHOUT_INSTANCES,
    check_parameters,
    with_policy,
)
from scanner.reports.check.finding import Finding, Outcome
from scanner.reports.check.kev_tables import kev_tables
from scanner.reports.check.policy import Policy, Rule
from scanner.reports.check.result import CheckResult
from scanner.reports.check.rule_results import Gaps, rule_results
from scanner.reports.check.tally import Tally
from scanner.reports.check.waiver_index import WaiverIndex
from scanner.reports.check.waivers import Waiver
from scanner.reports.cve_unknown import UNKNOWN_SENTENCES
from scanner.reports.feeds.feed import Feed, FeedKind
from scanner.reports.grouping import Grouping
from scanner.reports.lines import counted
from scanner.reports.machines import machines_sentence
from scanner.reports.sql.query import Parameters, Views

_PARAMETER = re.compile(r"\$([a-z_]+)")
_HOUR_MS = 3_600_000


class Check(Struct, frozen=True):
    """What is checked: the policy with its waivers, at which time, and by what machines are grouped."""

    policy: Policy
    now: EpochMs
    stale_after_days: int
    waivers: tuple[Waiver, ...] = ()
    by: Grouping | None = None
    feeds: tuple[Feed, ...] = ()

    @property
    def today(self) -> date:
        """Returns the day of `now` in UTC."""
        return datetime.fromtimestamp(self.now / 1000, UTC).date()


async def check(views: Views, scan: ScanRow, asked: Check) -> CheckResult:
    """Returns the result for a scan that is open in `views`, whose feeds are in the views too."""
    policy = asked.policy
    index = WaiverIndex(asked.waivers, asked.today)
    tally = Tally(index)
    select = _Selects(views, scan, asked, index.tag_keys)
    await views.add_tables(kev_tables(asked.feeds))
    await views.add_dpkg_order()
    # Violations first, so that they are listed where not all findings are.
    if policy.kev_due:
        async for row in select.rows(KEV_OVERDUE):
            tally.add(_kev_overdue(row, asked.today))
    if policy.max_age:
        async for row in select.rows(AGES):
            tally.add(_aged(row))
    async for row in select.rows(UNKNOWN_MACHINES):
        tally.add(_unknown_machine(row))
    if policy.kev_due:
        async for row in select.rows(KEV_UNKNOWN):
            tally.add(_kev_unknown(row))
    return CheckResult(
        scan_id=scan.scan_id,
        scan_finished_at=scan.finished_at,
        checked_at=asked.now,
        policy=policy,
        rules=rule_results(policy, tally, await _gaps(views, scan, asked.feeds)),
        findings=tally.listed(),
        waived=tuple(tally.waived),
        expired_waivers=tuple(index.expired),
        waivers_without_match=tuple(index.without_match),
        groups=tally.groups if asked.by else (),
        feeds=tuple(feed.sentence for feed in asked.feeds),
        machines=machines_sentence(scan.nodes),
    )


class _Selects:
    """Runs the SELECTs of a check with its policy and parameters."""

    def __init__(self, views: Views, scan: ScanRow, asked: Check, tag_keys: list[str]) -> None:
        self._views = views
        self._asked = asked
        self._has_releases = any(feed.kind is FeedKind.MSRC for feed in asked.feeds)
        self._parameters = check_parameters(
            asked.policy,
            asked.by,
            scan=scan,
            now=asked.now,
            stale_after_days=asked.stale_after_days,
            tag_keys=tag_keys,
        )

    async def rows(self, template: str) -> AsyncIterator[Mapping[str, Any]]:
        """Yields the rows of one SELECT, a batch in memory at a time."""
        sql = with_policy(template, self._asked.policy, self._asked.by, has_releases=self._has_releases)
        wanted: Parameters = {name: self._parameters[name] for name in _PARAMETER.findall(sql)}
        async with self._views.run(sql, wanted) as batches:
            async for batch in batches:
                for row in batch.to_pylist():
                    yield row


async def _gaps(views: Views, scan: ScanRow, feeds: Sequence[Feed]) -> Gaps:
    """Returns what the scan itself leaves open, and the catalogue of known exploited vulnerabilities."""
    [row] = (await views.fetch(WITHOUT_INSTANCES)).to_pylist()
    left_out = [state for state in LACKING_STATES if scan.states and state not in scan.states]
    has_none = not any(scan.nodes.values())
    skipped = sum(feed.skipped for feed in feeds if feed.kind is FeedKind.KEV)
    return Gaps(has_none, scan.scope.count_gaps(scan.targets), row["accounts"], tuple(left_out), skipped)


def _machine(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("account_id", "region", "instance_id", "computer_name", "platform_name", "ou_path", "group")
    return {**{name: row[name] for name in names}, "tags": tuple(row["tags"])}


def _patch(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("kb_id", "title", "severity", "state")
    return {**{name: row[name] for name in names}, "cve_ids": tuple(row["cve_ids"])}


def _unknown_machine(row: Mapping[str, Any]) -> Finding:
    is_unmanaged = row["status"] == NodeStatus.UNMANAGED
    why = UNKNOWN_SENTENCES.get(row["unknown"], row["unknown"])
    return Finding(
        rule=Rule.MAX_UNMANAGED if is_unmanaged else Rule.MAX_UNREAD,
        outcome=Outcome.UNKNOWN,
        why=f"{why}: {row['reason']}" if row["reason"] else why,
        **_machine(row),
    )


def _aged(row: Mapping[str, Any]) -> Finding:
    limit = f"{_age(row['limit_ms'])} allowed"
    known = None if row["at_least_ms"] is None else _age(row["at_least_ms"])
    if row["is_violated"]:
        why = f"lacking for {known}, {limit}"
    elif row["since_ms"] is None:
        why = f"no earlier scan says since when it is lacking, {limit}"
    else:
        why = f"lacking for {known} at least, since the history of the machine began; {limit}"
    return Finding(
        rule=Rule.MAX_AGE,
        outcome=Outcome.VIOLATED if row["is_violated"] else Outcome.UNKNOWN,
        why=why,
        missing_since=row["since_ms"],
        **_machine(row),
        **_patch(row),
    )


def _kev_overdue(row: Mapping[str, Any], today: date) -> Finding:
    source = " (by feed, not by AWS)" if row["by_feed"] else ""
    late = counted((today - row["due"]).days, "day")
    return Finding(
        rule=Rule.KEV_DUE,
        outcome=Outcome.VIOLATED,
        why=f"known to be exploited, due {row['due'].isoformat()}, {late} ago: {_few(row['cve_ids'])}{source}",
        due=row["due"],
        **_machine(row),
        **_patch(row),
    )


def _kev_unknown(row: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=Rule.KEV_DUE,
        outcome=Outcome.UNKNOWN,
        why=f"the CVEs of {counted(row['patches'], 'patch').replace('patchs', 'patches')} that it lacks are not named",
        **_machine(row),
    )


def _few(cve_ids: Sequence[str]) -> str:
    few = 3
    more = len(cve_ids) - few
    return ", ".join(cve_ids[:few]) + (f" and {more:,} more" if more > 0 else "")


def _age(milliseconds: int) -> str:
    """Returns `13 days`, `5 hours`: full ones."""
    hours = milliseconds // _HOUR_MS
    two_days = 48
    return counted(hours // 24, "day") if hours >= two_days or hours % 24 == 0 else counted(hours, "hour")
