"""A report as one HTML file that needs nothing else: no script, no request, and every value in it is text."""

from __future__ import annotations

from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined

from scanner.core.safe_text import terminal_text
from scanner.reports.html import wording as words
from scanner.reports.html.data import Report
from scanner.reports.html.sql import REBOOTING_NODES, UNKNOWN_NODES
from scanner.reports.lines import counted
from scanner.reports.summary import INCOMPLETE_NODES, UNREAD_TARGETS, headline, query_command, store_option

_IDS_SHOWN = 6


def page(report: Report, store: str) -> str:
    """The whole file; `store` stands in the commands that tell more."""
    scan = report.scan
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            scan=scan,
            found=report.found,
            headline=headline(scan),
            restrictions=list(words.restrictions(report)),
            sections=words.sections(scan),
            counts=words.counts_shown(scan),
            shows_lacking=words.shows_lacking(scan),
            targets=words.targets_by_status(scan),
            nodes=words.nodes_by_status(scan),
            verified=words.verified(scan),
            ages=words.nodes_by_age(report.found.ages),
            facts=words.facts(report),
            ids_shown=_IDS_SHOWN,
            query=partial(query_command, store, scan.scan_id),
            cve_command=f"patchsweep cve{store_option(store)} --scan {scan.scan_id} CVE_ID",
            unread_targets=UNREAD_TARGETS,
            incomplete_nodes=INCOMPLETE_NODES,
            unknown_nodes=UNKNOWN_NODES,
            rebooting_nodes=REBOOTING_NODES,
        )
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
    environment.filters |= {"counted": counted, "share": _share, **times}
    return environment


def _shown(value: object) -> object:
    """A value as it stands in the text: numbers with separators, a dash for what is not known, nothing invisible."""
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


def _share(count: int, whole: int) -> str:
    """A width; what is there at all can be seen."""
    return f"{max(100 * count / whole, 0.5) if count else 0:.1f}%"
