"""`patchsweep query`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import anyio
import click
from msgspec import Struct

from scanner.cli import options
from scanner.cli.choose_scan import chosen_scan, note_mixed_scopes
from scanner.cli.completion import complete_scan_id
from scanner.cli.latest_options import latest_options, named_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section
from scanner.cli.queries import RowFormat, format_options, open_scans, print_answer
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.core.settings import Settings
    from scanner.reports.sql.render import Format
    from scanner.store.store import Store

_TABLES = ("patches", "nodes", "tags", "targets", "baselines", "scans")


@click.command("query", cls=SectionedCommand)
@click.argument("sql")
@click.option(
    "--scan",
    "scans",
    metavar="ID",
    shell_complete=complete_scan_id,
    multiple=True,
    default=["latest"],
    cls=Sectioned,
    section="Run",
    help="Scans to query: an id, latest, or all (of the scope that options name). Repeatable.  [default: latest]",
)
@section("Run", {**options.STORE, **options.VIEWS})
@latest_options
@section("Feeds", options.FEEDS)
@format_options
@options.log_options
@options.config_option
@click.pass_obj
def command(
    app: AppLoader,
    /,
    *,
    sql: str,
    scans: tuple[str, ...],
    form: Format,
    max_rows: int | None,
    config: str | None,
    **given: object,
) -> int:
    """Query the store with SQL (DuckDB): one SELECT over patches, nodes, tags,
    targets, baselines and scans; - reads it from stdin.

    \b
    Missing patches by account:
      patchsweep query "SELECT account_id, count(*) FROM patches
                        WHERE state = 'MISSING' GROUP BY 1 ORDER BY 2 DESC"
    Nodes that lack the fix for a CVE:
      patchsweep query "SELECT DISTINCT account_id, region, instance_id
                        FROM patches WHERE state IN ('MISSING', 'FAILED')
                        AND list_contains(cve_ids, 'CVE-2026-12345')"
    What was not read:
      patchsweep query "FROM targets WHERE status <> 'scanned'"

    Feeds that are named are the tables kev, epss, msrc_fixes,
    msrc_supersedes and osv_fixes.
    """  # noqa: D205, D301 - click's mark for lines that are not to be re-wrapped
    settings = settings_of_reader(config, given, *scans)
    text = _text_of(sql)
    asked = _Asked(scans, by_scope=bool(named_options(given)))
    anyio.run(_answer, app, settings, text, asked, RowFormat(form, max_rows))
    return 0


def _text_of(sql: str) -> str:
    """Returns the SQL of the command line or, for `-`, of standard input.

    Raises:
        ConfigError: It is not UTF-8.
    """
    # The bytes as they were given: in a C locale Python reads arguments as ASCII.
    data = sys.stdin.buffer.read() if sql == "-" else os.fsencode(sql)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = "on standard input" if sql == "-" else "of the command line"
        raise ConfigError(f"the SQL {place} is not UTF-8 text") from error


class _Asked(Struct, frozen=True):
    """The scans that `--scan` names: ids, `latest` or `all`, which is limited to a scope where options name one."""

    scans: tuple[str, ...]
    by_scope: bool


async def _answer(app: AppLoader, settings: Settings, sql: str, asked: _Asked, form: RowFormat) -> None:
    from scanner.reports.feeds.feed import kinds_in

    # A feed is read only where the SQL names a table of it: those of OSV have millions of rows.
    feeds = [await app().read_feed(settings, kind) for kind in kinds_in(sql) if getattr(settings.feeds, kind)]
    async with app().open_store(settings) as store:
        scan_ids = await _scan_ids(store, settings, asked)
        async with open_scans(store, scan_ids, settings.views, _tables_in(sql)) as views:
            for feed in feeds:
                await views.add_tables(feed.tables)
            await print_answer(views, sql, form, members=lambda: {"scan_ids": scan_ids})


def _tables_in(sql: str) -> list[str]:
    """Returns the tables whose files the SQL may read.

    Whatever reads a table, quoted or in a subquery, has its name in it; a name too much costs only time. SQL that names
    none, such as one over the catalogue of DuckDB, sees all but patches.
    """
    text = sql.casefold()
    return [name for name in _TABLES if name in text] or [name for name in _TABLES if name != "patches"]


async def _scan_ids(store: Store, settings: Settings, asked: _Asked) -> list[str]:
    """Returns the ids of the committed scans to query, each once; raises `ScanNotFound` where there is none."""
    if "all" in asked.scans:
        found = await (store.committed_of_scope(settings) if asked.by_scope else store.committed())
        found = found or [await chosen_scan(store, settings, "latest")]
    else:
        found = list(dict.fromkeys([await chosen_scan(store, settings, scan) for scan in asked.scans]))
    await note_mixed_scopes(store, found)
    return found
