"""A report as one HTML file that needs nothing else: no script, no request, and every value in it is text."""

from __future__ import annotations

from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from scanner.core.model import NodeStatus, ScanRow
from scanner.core.safe_text import terminal_text
from scanner.reports.html import wording as words
from scanner.reports.html.baselines import Variant, approval, variants
from scanner.reports.html.exploited import Feeds
from scanner.reports.html.findings import Findings, Report
from scanner.reports.html.machines import MACHINES_BY_REASON, NOT_ASKED_TARGETS, machines_of
from scanner.reports.html.sql import REBOOTING_NODES, UNKNOWN_NODES
from scanner.reports.html.stale import stale_nodes
from scanner.reports.html.trend import Trend
from scanner.reports.html.verdict import Task, Verdict, by_aws, span, tasks, verdict
from scanner.reports.lines import counted
from scanner.reports.machines import alternating_sentence
from scanner.reports.summary import UNREAD_TARGETS, headline, incomplete_nodes, query_command, store_option

_IDS_SHOWN = 6


class Coverage(Struct, frozen=True):
    """How targets and nodes ended, by status, and how many nodes were verified."""

    targets: list[words.Part]
    nodes: list[words.Part]
    verified: int


class Commands(Struct, frozen=True):
    """What to type to see more than the page shows, for this scan and store."""

    unread_targets: str
    incomplete_nodes: str
    unknown_nodes: str
    rebooting_nodes: str
    unmanaged: str
    stopped: str
    summary_only: str
    service_managed: str
    stale: str
    not_asked: str
    reasons: str
    baselines: str
    cve: str


class View(Struct, frozen=True):
    """All that the templates show. A new section adds its part here, its SELECT in `sql` and its markup."""

    scan: ScanRow
    findings: Findings
    verdict: Verdict
    by_aws: str | None
    tasks: list[Task]
    trend: Trend
    feeds: Feeds
    critical_limit: str
    headline: str
    restrictions: list[str]
    part: str | None
    sections: dict[str, str]
    counts: dict[str, str]
    shows_lacking: bool
    coverage: Coverage
    ages: list[words.Part]
    facts: dict[str, str]
    commands: Commands
    drifted: list[Variant]
    alternating: str | None
    ids_shown: int = _IDS_SHOWN


def page(report: Report, store: str) -> str:
    """Returns the whole file; `store` is named in the commands that show more."""
    return _environment().get_template("report.html.j2").render(view=_view(report, store))


def _view(report: Report, store: str) -> View:
    scan = report.scan
    return View(
        scan=scan,
        findings=report.findings,
        verdict=verdict(report),
        by_aws=by_aws(report.findings.totals),
        tasks=tasks(report),
        trend=report.wanted.trend,
        feeds=report.feeds,
        critical_limit=span(report.wanted.critical_limit_ms),
        headline=headline(scan),
        restrictions=list(words.restrictions(report)),
        part=report.wanted.part,
        sections=words.sections(report),
        counts=words.counts_shown(scan),
        shows_lacking=words.shows_lacking(scan),
        coverage=Coverage(words.targets_by_status(scan), words.nodes_by_status(scan), words.verified(scan)),
        ages=words.nodes_by_age(report.findings.ages),
        facts=words.facts(report),
        commands=_commands(report, store),
        drifted=variants(report.findings.baselines.drifted),
        alternating=alternating_sentence(report.wanted.alternating),
    )


def _commands(report: Report, store: str) -> Commands:
    scan = report.scan
    query = partial(query_command, store, scan.scan_id)
    return Commands(
        unread_targets=query(UNREAD_TARGETS),
        incomplete_nodes=query(incomplete_nodes(scan.scope)),
        unknown_nodes=query(UNKNOWN_NODES),
        rebooting_nodes=query(REBOOTING_NODES),
        unmanaged=query(machines_of(NodeStatus.UNMANAGED)),
        stopped=query(machines_of(NodeStatus.STOPPED)),
        summary_only=query(machines_of(NodeStatus.SUMMARY_ONLY)),
        service_managed=query(machines_of(NodeStatus.SERVICE_MANAGED)),
        stale=query(stale_nodes(scan.finished_at, report.wanted.stale_after_days)),
        not_asked=query(NOT_ASKED_TARGETS),
        reasons=query(MACHINES_BY_REASON),
        baselines=query("FROM baselines"),
        cve=f"patchsweep cve{store_option(store)} --scan {scan.scan_id} CVE_ID",
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("scanner.reports.html", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    times = {"date": words.date, "day": words.day, "time": words.time, "took": words.took}
    environment.filters |= {
        "counted": counted,
        "share": _share,
        "approval": approval,
        "percent": _percent,
        "days": _days,
        **times,
    }
    return environment


def _shown(value: object) -> object:
    """Returns a value as the page shows it: numbers with separators, a dash for what is unknown, nothing invisible."""
    match value:
        case _ if hasattr(value, "__html__"):
            # What a macro made is escaped already.
            return value
        case None:
            return "\N{EN DASH}"
        case int():
            return f"{value:,}"
        case _:
            return terminal_text(str(value))


def _days(mean: float | None) -> str | None:
    """Returns `12.3`, or None where no mean is known."""
    return None if mean is None else f"{mean:.1f}"


def _percent(probability: float | None) -> str | None:
    """Returns `12.3 %`, or None where it is not known."""
    return None if probability is None else f"{100 * probability:.1f} %"


def _share(count: int, whole: int) -> str:
    """Returns a width in percent, wide enough to be seen where there is anything."""
    return f"{max(100 * count / whole, 0.5) if count else 0:.1f}%"
