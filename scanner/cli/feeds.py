"""`patchsweep feeds`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import click
from msgspec import Struct

from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of
from scanner.cli.output import print_lines

if TYPE_CHECKING:
    from scanner.reports.feeds.feed import Feed


class ListedFeed(Struct, frozen=True):
    """A feed without its rows, for `--format json`."""

    feed: str
    dated: str | None
    date_means: str
    records: int
    skipped: int
    sources: tuple[str, ...]


@click.command("feeds", cls=SectionedCommand)
@section("Feeds", options.FEEDS)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, as_json: bool, config: str | None, **given: object) -> int:
    """Show each vulnerability feed that the options or the configuration name.

    Each is shown with its own date and its records. A file that is not what
    it is named as is refused with exit code 2. patchsweep fetches no feeds:
    download them, and name the files.
    """
    settings = settings_of(config, given)
    feeds = [_listed(feed) for feed in anyio.run(app().read_feeds, settings)]
    if as_json:
        print_document(feeds=feeds)
    elif feeds:
        print_lines(_table(feeds))
    else:
        print_lines(["no feeds are named; give --kev, --epss, --msrc or --osv, or the section [feeds]"])
    return ExitCode.COMPLETE


def _listed(feed: Feed) -> ListedFeed:
    dated = feed.dated.isoformat() if feed.dated else None
    return ListedFeed(feed.kind.value, dated, feed.date_means, feed.records, feed.skipped, feed.sources)


def _table(feeds: list[ListedFeed]) -> list[str]:
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned

    rows = [
        (each.feed, each.dated or "unknown", each.date_means, each.records, each.skipped, _place(each.sources))
        for each in feeds
    ]
    return aligned(rows, ("feed", "date", "is its", "records", "skipped", "file"), table_width())


def _place(sources: tuple[str, ...]) -> str:
    more = len(sources) - 1
    return f"{sources[0]} and {more:,} more" if more else sources[0]
