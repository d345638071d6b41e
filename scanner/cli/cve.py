"""`patchsweep cve`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import click
from msgspec import Struct, structs

from scanner.cli import options
from scanner.cli.choose_scan import chosen_scan
from scanner.cli.completion import complete_scan_id
from scanner.cli.cve_scan import open_scan
from scanner.cli.cve_split import write_group_files
from scanner.cli.exit_codes import answer_exit_code
from scanner.cli.latest_options import latest_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section
from scanner.cli.output import print_note
from scanner.cli.queries import RowFormat, format_options, print_answer
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.core.model import ScanRow
    from scanner.core.settings import Settings
    from scanner.reports.cve import CveQuestion
    from scanner.reports.feeds.feed import Feed
    from scanner.reports.grouping import Grouping
    from scanner.reports.sql.render import Format
    from scanner.store.store import Store


@click.command("cve", cls=SectionedCommand)
@click.argument("cve_id")
@click.option(
    "--scan",
    "scan_id",
    metavar="ID",
    shell_complete=complete_scan_id,
    default="latest",
    cls=Sectioned,
    section="Run",
    help="The scan to query: an id, or latest.  [default: latest]",
)
@section("Run", {**options.STORE, **options.VIEWS})
@latest_options
@click.option(
    "--published",
    metavar="DATE",
    cls=Sectioned,
    section="Answer",
    help="Day on which the CVE was published, YYYY-MM-DD: patch baselines approve fixes days later.",
)
@click.option(
    "--severity",
    metavar="WORD",
    cls=Sectioned,
    section="Answer",
    help="Severity of the fix, as the vendor says it: some patch baselines approve only the worst.",
)
@section("Answer", {**options.STALE, **options.FEEDS_OF_FIXES})
@click.option(
    "--show-unknown",
    is_flag=True,
    cls=Sectioned,
    section="Answer",
    help="List the machines without an answer too, each with the reason.",
)
@options.by_option("Count the answers of each group instead of listing patches")
@options.split_by_option(
    "Write the answer as a CSV file for each group into the folder that --output names, such as one a team with "
    "tag:Team."
)
@click.option(
    "--output",
    metavar="FOLDER",
    cls=Sectioned,
    section="Output",
    help="The folder of the files with --split-by.",
)
@format_options
@options.log_options
@options.config_option
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter for each option
    app: AppLoader,
    /,
    *,
    cve_id: str,
    scan_id: str,
    published: str | None,
    severity: str | None,
    show_unknown: bool,
    form: Format,
    max_rows: int | None,
    by: str | None,
    split_by: str | None,
    output: str | None,
    config: str | None,
    **given: object,
) -> int:
    """Show the machines that lack the fix for a CVE, with the patch that has it.

    Each machine has one of four answers: it lacks the fix; the fix is
    installed, pending reboot; it is not affected as far as AWS tells; or
    unknown. Stderr counts them, the unknown ones by reason. Exit code 0 if
    every machine has an answer, 3 otherwise.
    """
    from scanner.reports.cve import CveQuestion, cve_id_of, published_on
    from scanner.reports.grouping import parse_grouping

    settings = settings_of_reader(config, given, scan_id)
    question = CveQuestion(
        cve_id_of(cve_id),
        now=int(time.time() * 1000),
        stale_after_days=settings.stale_after_days,
        published=None if published is None else published_on(published),
        severity=severity,
    )
    grouping, split = (None if text is None else parse_grouping(text) for text in (by, split_by))
    if (split is None) != (output is None):
        raise ConfigError("--split-by GROUP and --output FOLDER need each other")
    shown = _Shown(RowFormat(form, max_rows), show_unknown=show_unknown, by=grouping, split=split, folder=output or "")
    return anyio.run(_answer, app, settings, question, scan_id, shown)


class _Shown(Struct, frozen=True):
    """How the answer is shown: the rows of stdout, or files in a folder."""

    form: RowFormat
    show_unknown: bool
    by: Grouping | None
    split: Grouping | None
    folder: str


async def _answer(
    app: AppLoader,
    settings: Settings,
    question: CveQuestion,
    asked: str,
    shown: _Shown,
) -> int:
    from scanner.reports.cve import cve_coverage, parameters, sentences
    from scanner.reports.cve_sql import LACKING, LACKING_AND_UNKNOWN, by_group, with_feeds
    from scanner.reports.lines import counted
    from scanner.reports.machines import alternating_sentence

    rows_sql = LACKING_AND_UNKNOWN if shown.show_unknown else LACKING
    sql = rows_sql if shown.by is None else by_group(shown.by.members("main.nodes"))
    of_group = None if shown.by is None else shown.by.parameters
    feeds = await _feeds(app, settings, question.cve_id)
    question = _with_feeds(question, feeds)
    if feeds:
        sql, rows_sql = with_feeds(sql), with_feeds(rows_sql)
    async with app().open_store(settings) as store:
        scan_id = await chosen_scan(store, settings, asked)
        scan, question = await _asked_of(store, scan_id, question)
        statistics = (await store.manifest(scan_id)).statistics
        async with open_scan(store, scan, settings.views, feeds, question.cve_id) as views:
            coverage = await cve_coverage(views, scan, question)
            code = answer_exit_code(covers_all_nodes=coverage.covers_all_nodes)
            answer = {"cve_id": question.cve_id, "scan_id": scan_id, "coverage": coverage, "exit_code": code.value}
            if shown.split is not None:
                files = await write_group_files(views, rows_sql, question, scan, shown.split, shown.folder)
                print_note(f"{counted(files, 'file')} by {shown.split.label} in {shown.folder}")
            if shown.split is None or shown.by is not None:
                known = parameters(sql, question, scan, of_group)
                await print_answer(views, sql, shown.form, known, members=lambda: answer)
    for sentence in sentences(coverage, question.cve_id, scan_id):
        print_note(sentence)
    if statistics is not None and (alternating := alternating_sentence(statistics.alternating_baselines)):
        print_note(alternating)
    if coverage.unknown and not shown.show_unknown:
        print_note("list the machines without an answer with --show-unknown")
    return code


async def _asked_of(store: Store, scan_id: str, question: CveQuestion) -> tuple[ScanRow, CveQuestion]:
    """Returns the scan, and the question for the time for which this scan is asked.

    Raises:
        ConfigError: filters of the scan left out the patches that could answer.
    """
    from scanner.reports.cve import check_filters
    from scanner.reports.staleness import answered_at

    header, scan = await store.header(scan_id), (await store.manifest(scan_id)).scan
    check_filters(scan_id, header.request.patches)
    now = answered_at(scan.finished_at, question.now, is_demo=header.demo)
    return scan, structs.replace(question, now=now)


async def _feeds(app: AppLoader, settings: Settings, cve_id: str) -> list[Feed]:
    """Returns the feeds that decide for a CVE; of OSV only the rows of that CVE are read."""
    from scanner.reports.feeds.feed import FeedKind

    named = [kind for kind in (FeedKind.MSRC, FeedKind.OSV) if getattr(settings.feeds, kind)]
    return [await app().read_feed(settings, kind, frozenset((cve_id,))) for kind in named]


def _with_feeds(question: CveQuestion, feeds: list[Feed]) -> CveQuestion:
    """Returns the question with the feeds that answer it, and the day of publication that they tell."""
    from scanner.reports.cve_feed_tables import published_by_feed

    published = question.published or published_by_feed(feeds, question.cve_id)
    return structs.replace(question, published=published, feeds=tuple(feed.sentence for feed in feeds))
