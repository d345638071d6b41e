"""`patchsweep check`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import click
from msgspec import structs

from scanner.cli import options
from scanner.cli.atomic_file import check_file, write_file
from scanner.cli.choose_scan import chosen_scan
from scanner.cli.completion import complete_file, complete_scan_id
from scanner.cli.exit_codes import verdict_exit_code
from scanner.cli.latest_options import latest_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section
from scanner.cli.output import print_data, print_note
from scanner.cli.queries import open_scans
from scanner.cli.settings.toml_file import read_toml
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.core.settings import Settings
    from scanner.reports.check.formats.write import CheckFormat
    from scanner.reports.check.policy import Policy
    from scanner.reports.check.result import CheckResult
    from scanner.reports.check.waivers import Waiver
    from scanner.reports.feeds.feed import Feed
    from scanner.reports.grouping import Grouping

STDOUT = "-"
_POLICY_KEYS = ("max_age", "clock", "max_unread", "max_unmanaged", "waivers")


@click.command("check", cls=SectionedCommand)
@click.option(
    "--scan",
    "scan_id",
    metavar="ID",
    shell_complete=complete_scan_id,
    default="latest",
    cls=Sectioned,
    section="Run",
    help="The scan to check: an id, or latest.  [default: latest]",
)
@section("Run", {**options.STORE, **options.STALE, **options.VIEWS})
@latest_options
@click.option(
    "--policy",
    metavar="FILE",
    shell_complete=complete_file,
    cls=Sectioned,
    section="Policy",
    help="TOML file with the keys of the section [check]; options win over it.",
)
@section("Policy", {**options.CHECK, **options.FEEDS_OF_CHECK})
@options.by_option("Count the findings of each group, too")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "jsonl", "markdown", "junit", "sarif"]),
    default="table",
    cls=Sectioned,
    section="Output",
    help="table, json (one object with a schema_version), jsonl, markdown, junit or sarif.  [default: table]",
)
@click.option(
    "--output",
    metavar="FILE",
    shell_complete=complete_file,
    default=STDOUT,
    cls=Sectioned,
    section="Output",
    help="Where to write it; - is stdout.  [default: -]",
)
@options.log_options
@options.config_option
@click.pass_obj
def command(
    app: AppLoader,
    /,
    *,
    scan_id: str,
    policy: str | None,
    by: str | None,
    form: CheckFormat,
    output: str,
    config: str | None,
    **given: object,
) -> int:
    """Hold a scan against a policy.

    Exit code 0: the policy is met. 4: it is violated. 3: it cannot be told,
    because machines were not read, their data is stale, or no earlier scan
    says since when a patch is missing. Only evidence counts as met.
    """
    from scanner.cli.styled import table_width
    from scanner.reports.check.formats.write import written
    from scanner.reports.check.policy import policy_of
    from scanner.reports.grouping import parse_grouping

    named = {name: each for name, each in given.items() if each not in (None, ())}
    settings = settings_of_reader(config, {**_policy_file(policy), **named}, scan_id)
    rules = policy_of(settings.check, kev_due=settings.feeds.kev is not None)
    grouping = None if by is None else parse_grouping(by)
    if output != STDOUT:
        check_file(output, "check")
    result = anyio.run(_result, app, settings, scan_id, rules, grouping)
    text = written(result, form, table_width() if output == STDOUT else None)
    if output == STDOUT:
        print_data(text)
    else:
        write_file(output, text.encode(errors="backslashreplace"), "check")
        print_note(f"the check of scan {result.scan_id} is in {output}")
    return verdict_exit_code(result.verdict)


def _policy_file(path: str | None) -> dict[str, object]:
    """Returns the keys of a policy file as options.

    Raises:
        ConfigError: it cannot be read, or has other keys.
    """
    if path is None:
        return {}
    document = read_toml(path)
    for name in document:
        if name not in _POLICY_KEYS:
            raise ConfigError(f"{path}: {name!a} is no key of a policy (expected {', '.join(_POLICY_KEYS)})")
    return {f"check__{name}": value for name, value in document.items()}


async def _result(app: AppLoader, settings: Settings, asked: str, policy: Policy, by: Grouping | None) -> CheckResult:
    from scanner.reports.check.evaluate import Check, check
    from scanner.reports.cve import check_filters
    from scanner.reports.staleness import answered_at

    waivers, feeds = await _waivers(app, settings), await _feeds(app, settings)
    asked_check = Check(policy, int(time.time() * 1000), settings.stale_after_days, waivers, by, feeds)
    async with app().open_store(settings) as store:
        scan_id = await chosen_scan(store, settings, asked)
        header, scan = await store.header(scan_id), (await store.manifest(scan_id)).scan
        check_filters(scan_id, header.request.patches)
        now = answered_at(scan.finished_at, asked_check.now, is_demo=header.demo)
        async with open_scans(store, [scan_id], settings.views) as views:
            for feed in feeds:
                await views.add_tables(feed.tables)
            return await check(views, scan, structs.replace(asked_check, now=now))


async def _waivers(app: AppLoader, settings: Settings) -> tuple[Waiver, ...]:
    return () if settings.check.waivers is None else await app().read_waiver_file(settings)


async def _feeds(app: AppLoader, settings: Settings) -> tuple[Feed, ...]:
    from scanner.reports.feeds.feed import FeedKind

    whole = [kind for kind in (FeedKind.KEV, FeedKind.MSRC) if getattr(settings.feeds, kind)]
    feeds = [await app().read_feed(settings, kind) for kind in whole]
    if settings.feeds.osv:
        exploited = [feed.tables["kev"]["cve_id"].to_pylist() for feed in feeds if feed.kind is FeedKind.KEV]
        feeds.append(await app().read_feed(settings, FeedKind.OSV, frozenset(*exploited)))
    return tuple(feeds)
