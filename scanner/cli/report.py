"""`patchsweep report`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click
from anyio import to_thread

from scanner.cli import options
from scanner.cli.atomic_file import check_file, write_file
from scanner.cli.choose_scan import chosen_scan
from scanner.cli.completion import complete_scan_id
from scanner.cli.exit_codes import ExitCode
from scanner.cli.latest_options import latest_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section
from scanner.cli.output import print_data, print_note
from scanner.cli.queries import open_scans
from scanner.cli.report_files import check_folder, file_names
from scanner.core.errors import ConfigError
from scanner.core.statistics import AlternatingBaselines

if TYPE_CHECKING:
    from scanner.core.model import ScanRow
    from scanner.core.scan_request import PatchFilters
    from scanner.core.settings import Settings
    from scanner.reports.grouping import Grouping
    from scanner.reports.html.findings import Wanted
    from scanner.reports.sql.query import Views

STDOUT = "-"


@click.command("report", cls=SectionedCommand)
@click.argument("scan_id", required=False, shell_complete=complete_scan_id)
@section("Run", {**options.STORE, **options.STALE, **options.VIEWS, **options.FEEDS_OF_CVES})
@latest_options
@options.by_option("Count what each group lacks, too")
@options.split_by_option(
    "Write a report for each group into the folder that --output names, such as one a team with tag:Team."
)
@click.option(
    "--output",
    metavar="FILE",
    cls=Sectioned,
    section="Output",
    help="The HTML file to write, or the folder with --split-by; - is stdout."
    "  [default: patchsweep-report-SCAN_ID.html]",
)
@click.option(
    "--open",
    "opens",
    is_flag=True,
    cls=Sectioned,
    section="Output",
    help="Show the file in the browser of this machine.",
)
@options.log_options
@options.config_option
@click.pass_obj
def command(
    app: AppLoader,
    /,
    *,
    scan_id: str | None,
    by: str | None,
    split_by: str | None,
    output: str | None,
    opens: bool,
    config: str | None,
    **given: object,
) -> int:
    """Write an HTML report of SCAN_ID, or of the newest scan.

    It begins with how many machines are compliant and what to do about the
    others, and ends with how sure that is. One file without network access or scripts: open it in a
    browser, print it, mail it.
    """
    from scanner.reports.grouping import parse_grouping

    settings = settings_of_reader(config, given, scan_id)
    grouping, split = (None if text is None else parse_grouping(text) for text in (by, split_by))
    if split is not None:
        return _write_split(app, settings, scan_id, by=grouping, split=split, folder=output, opens=opens)
    if output == STDOUT and opens:
        raise ConfigError("--open needs a file; give --output a name other than -")
    if output not in (None, STDOUT):
        check_file(output, "report")
    scan_id, page = anyio.run(_page, app, settings, scan_id, grouping)
    if output == STDOUT:
        print_data(page)
        return ExitCode.COMPLETE
    file = output or f"patchsweep-report-{scan_id}.html"
    write_file(file, page, "report")
    print_note(f"the report of scan {scan_id} is in {file}")
    if opens and click.launch(Path(file).resolve().as_uri()) != 0:
        print_note("no browser could be started; open the file by hand")
    return ExitCode.COMPLETE


def _write_split(
    app: AppLoader,
    settings: Settings,
    scan_id: str | None,
    *,
    by: Grouping | None,
    split: Grouping,
    folder: str | None,
    opens: bool,
) -> int:
    from scanner.reports.lines import counted

    if folder is None or folder == STDOUT or opens:
        raise ConfigError("--split-by writes several files: give --output a folder, and no --open")
    count = anyio.run(_pages, app, settings, scan_id, by, split, Path(folder))
    print_note(f"{counted(count, 'report')} by {split.label} in {folder}")
    return ExitCode.COMPLETE


async def _page(app: AppLoader, settings: Settings, asked: str | None, by: Grouping | None) -> tuple[str, bytes]:
    """Returns the id of the scan that is meant, and its report as an HTML file."""
    from scanner.reports.html.data import report
    from scanner.reports.html.page import page

    async with _open_scan(app, settings, asked, by) as (scan, filters, views, wanted):
        shown = await report(views, scan, filters, wanted)
    return scan.scan_id, page(shown, settings.store.location).encode()


async def _pages(
    app: AppLoader, settings: Settings, asked: str | None, by: Grouping | None, split: Grouping, folder: Path
) -> int:
    """Writes a report for each group, one after the other, and returns how many."""
    from msgspec import structs

    from scanner.reports.grouping import GroupViews, groups_of, scan_of_group
    from scanner.reports.html.data import report
    from scanner.reports.html.page import page
    from scanner.reports.html.trend import Trend

    async with _open_scan(app, settings, asked, by) as (scan, filters, views, wanted):
        groups = await groups_of(views, split)
        names = file_names([group.value for group in groups])
        check_folder(str(folder))
        for group in groups:
            part = f"Only nodes whose {split.label} is {group.value} are shown."
            part = f"Only nodes without {split.label} are shown." if group.value is None else part
            # The figures of earlier scans are those of all groups together.
            of_group = structs.replace(wanted, part=part, trend=Trend(()))
            views_of_group = GroupViews(views, split, group.value)
            shown = await report(views_of_group, scan_of_group(scan, group), filters, of_group)
            html = page(shown, settings.store.location).encode()
            await to_thread.run_sync(write_file, str(folder / names[group.value]), html, "report")
    return len(groups)


@asynccontextmanager
async def _open_scan(
    app: AppLoader, settings: Settings, asked: str | None, by: Grouping | None
) -> AsyncIterator[tuple[ScanRow, PatchFilters, Views, Wanted]]:
    """Opens the scan that is meant: its row, the filters under which it was read, the views, and what else is wanted.

    The tables of the feeds are in the views.
    """
    from scanner.core.relevant_rows import TABLES as RELEVANT
    from scanner.reports.check.policy import critical_limit_ms
    from scanner.reports.feeds.feed import FeedKind
    from scanner.reports.html.findings import Wanted
    from scanner.reports.html.known_nodes import NODE_COLUMNS

    named = [kind for kind in (FeedKind.KEV, FeedKind.EPSS) if getattr(settings.feeds, kind)]
    feeds = tuple([await app().read_feed(settings, kind) for kind in named])
    limit_ms = critical_limit_ms(settings.check)
    async with app().open_store(settings) as store:
        scan_id = await chosen_scan(store, settings, asked)
        filters = (await store.header(scan_id)).request.patches
        manifest = await store.manifest(scan_id)
        scan, figures = manifest.scan, manifest.statistics
        # Catalogues of exploited CVEs are held against all rows.
        tables = {*RELEVANT, "nodes", "tags", *(["patches"] if feeds else [])}
        async with open_scans(store, [scan_id], settings.views, tables) as views:
            await views.keep_nodes(NODE_COLUMNS, scan_id)
            for feed in feeds:
                await views.add_tables(feed.tables)
            days = settings.stale_after_days
            trend = await app().read_trend(store, scan_id, stale_after_days=days)
            alternating = AlternatingBaselines() if figures is None else figures.alternating_baselines
            yield scan, filters, views, Wanted(by, None, days, limit_ms, feeds, trend, alternating)
