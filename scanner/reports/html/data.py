"""Reads what a report shows of one scan from the views over its store."""

from __future__ import annotations

import msgspec
from msgspec import structs

from scanner.core.model import NodeStatus, ScanRow, TargetStatus
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES, NONCOMPLIANT_STATES
from scanner.reports.check.policy import CRITICAL_LIMIT_MS
from scanner.reports.group_counts import Groups
from scanner.reports.grouping import Grouping
from scanner.reports.html.baselines import read_baselines
from scanner.reports.html.exploited import read_feeds_of_report
from scanner.reports.html.findings import FEW, LONG_LIST, SHORT_LIST, Findings, Report, Totals, Wanted
from scanner.reports.html.groups import read_groups
from scanner.reports.html.known_nodes import KNOWN_NODES
from scanner.reports.html.machines import read_machines
from scanner.reports.html.sql import FINDINGS
from scanner.reports.html.stale import read_stale
from scanner.reports.html.trend import TrendPoint
from scanner.reports.sql.query import Fetcher, Parameters
from scanner.reports.staleness import DAY_MS
from scanner.reports.statuses import NOT_OURS, UNREAD, VERIFIED, node_gaps, values
from scanner.reports.summary import SEVERITIES

#: Matches the systems whose packages have a priority in place of a severity: `Important` means another thing there.
APT_SYSTEMS = "ubuntu|debian|raspbian"


def parameters(scan: ScanRow, stale_after_days: int = 7, critical_limit_ms: int = CRITICAL_LIMIT_MS) -> Parameters:
    """Returns the parameters of `FINDINGS`."""
    gaps = {status for status in TargetStatus if scan.scope.is_gap(status)}
    return {
        "lacking": list(LACKING_STATES),
        "overdue_before": scan.finished_at - critical_limit_ms,
        "noncompliant": list(NONCOMPLIANT_STATES),
        "severities": list(SEVERITIES),
        "critical": SEVERITIES[0],
        "apt_systems": APT_SYSTEMS,
        "not_ours": values(NOT_OURS),
        "target_gaps": sorted(gaps),
        "disabled": sorted({TargetStatus.DISABLED} - gaps),
        "node_gaps": values(node_gaps(scan.scope)),
        "verified": values(VERIFIED),
        "unread": values(UNREAD),
        "gone": NodeStatus.GONE.value,
        "finished_at": scan.finished_at,
        "stale_after_ms": stale_after_days * DAY_MS,
        "long": LONG_LIST,
        "short": SHORT_LIST,
        "few": FEW,
    }


BY_SYSTEM = Grouping("os")
NOTHING_ELSE = Wanted()
_NODE_PARAMETERS = (
    "lacking",
    "noncompliant",
    "overdue_before",
    "critical",
    "apt_systems",
    "not_ours",
    "verified",
    "gone",
    "finished_at",
    "stale_after_ms",
)


async def report(views: Fetcher, scan: ScanRow, filters: PatchFilters, wanted: Wanted = NOTHING_ELSE) -> Report:
    """Returns the report of the scan that is open in `views`."""
    known = parameters(scan, wanted.stale_after_days, wanted.critical_limit_ms)
    await views.number_patches()
    (row,) = (await views.fetch(FINDINGS, known)).to_pylist()
    machines, baselines = await read_machines(views, SHORT_LIST), await read_baselines(views, SHORT_LIST)
    stale = await read_stale(views, scan.finished_at, wanted.stale_after_days, SHORT_LIST)
    row |= {
        "stale": msgspec.to_builtins(stale),
        "machines": msgspec.to_builtins(machines),
        "baselines": msgspec.to_builtins(baselines),
    }
    for name, grouping in {"systems": BY_SYSTEM, "groups": wanted.by}.items():
        if grouping is not None:
            groups = await groups_of_scan(views, scan, grouping, stale_after_days=wanted.stale_after_days)
            row[name] = msgspec.to_builtins(groups)
    findings = msgspec.convert(row, Findings)
    cve_ids = [cve.cve_id for cve in findings.cves]
    feeds = await read_feeds_of_report(views, wanted.feeds, cve_ids, now=scan.finished_at, limit=SHORT_LIST)
    trend = wanted.trend.ending_with(_point(scan, findings.totals))
    return Report(scan, filters, findings, structs.replace(wanted, trend=trend), feeds)


def _point(scan: ScanRow, totals: Totals) -> TrendPoint:
    """Returns what the report itself counts, which the trend has to end with."""
    return TrendPoint(
        scan.scan_id,
        scan.finished_at,
        machines=totals.machines,
        compliant=totals.compliant,
        critical=totals.critical,
    )


async def groups_of_scan(views: Fetcher, scan: ScanRow, by: Grouping, *, stale_after_days: int) -> Groups:
    """Returns what each group of the scan's machines lacks, as a report and a summary show it."""
    await views.number_patches()
    known = parameters(scan, stale_after_days)
    of_nodes = {name: known[name] for name in _NODE_PARAMETERS}
    return await read_groups(views, by, KNOWN_NODES, of_nodes, LONG_LIST)
