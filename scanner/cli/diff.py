"""`patchsweep diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import anyio
import click

from scanner.cli import options
from scanner.cli.choose_scan import chosen_scan
from scanner.cli.completion import complete_scan_id
from scanner.cli.diff_events import print_events
from scanner.cli.exit_codes import ExitCode, answer_exit_code
from scanner.cli.latest_options import latest_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section
from scanner.cli.output import print_note
from scanner.cli.queries import RowFormat, format_or_events_options, print_end, print_rows
from scanner.core.errors import ConfigError, ScanNotFound
from scanner.core.heap import return_large_blocks

if TYPE_CHECKING:
    from scanner.core.settings import Settings
    from scanner.reports.sql.render import Format
    from scanner.store.store import Store


@click.command("diff", cls=SectionedCommand)
@click.argument("before", required=False, shell_complete=complete_scan_id)
@click.argument("after", required=False, shell_complete=complete_scan_id)
@section("Run", {**options.STORE, **options.STALE, **options.VIEWS})
@latest_options
@format_or_events_options
@options.log_options
@options.config_option
@click.pass_obj
def command(
    app: AppLoader,
    /,
    *,
    before: str | None,
    after: str | None,
    form: Format | Literal["events"],
    max_rows: int | None,
    config: str | None,
    **given: object,
) -> int:
    """Show what changed from scan BEFORE to scan AFTER; by default AFTER is the
    newest scan and BEFORE the one before it of the same scope and filters.

    One row for each patch and node that changed. Only nodes that both scans
    read are compared; stderr counts the changes, and the nodes that could not
    be compared or whose data is stale. Exit code 0 if there are none of those,
    3 otherwise.

    \b
    missing      a fix is not in effect that was, or was not listed
    fixed        a fix is in effect that was not
    dropped      a missing patch was superseded or withdrawn
    changed      any other difference in states or versions
    node_new, node_left, node_status

    \b
    --format events gives JSON lines for tickets: opened, closed or changed,
    one for each package on a node, with a key that stays the same.
    """  # noqa: D205, D301 - click's mark for lines that are not to be re-wrapped
    return_large_blocks()
    rows = None if form == "events" else RowFormat(form, max_rows)
    return anyio.run(_answer, app, settings_of_reader(config, given, before, after), before, after, rows)


async def _answer(
    app: AppLoader, settings: Settings, before: str | None, after: str | None, form: RowFormat | None
) -> int:
    from msgspec import structs

    from scanner.reports.diff import Changes, ScanPair, check_comparable, compared, paired_nodes, sentences
    from scanner.reports.diff_rows import SCHEMA, open_changes
    from scanner.reports.sql.query import open_views

    async with app().open_store(settings) as store:
        before, after = await _pair(store, settings, before, after)
        check_comparable(await store.scopes([before, after]))
        if form is None:
            await print_events(store, settings, before, after)
            return ExitCode.COMPLETE
        changes = Changes()
        ended_at = (await store.manifest(after)).scan.finished_at
        pair = ScanPair(before, after, ended_at, settings.stale_after_days)
        async with store.local_copy([before, after]) as files:
            async with open_views(structs.replace(files, tables=("nodes",)), settings.views) as views:
                paired = await paired_nodes(views, pair)
                nodes = await compared(views)
            async with open_changes(files, paired, after, settings.views) as batches:
                await print_rows(SCHEMA, batches, form, changes.count)
        code = answer_exit_code(covers_all_nodes=nodes.covers_all_nodes)
        print_end(
            form,
            lambda: {
                "before": before,
                "after": after,
                "changes": dict(changes.by_kind),
                "nodes": nodes,
                "exit_code": code.value,
            },
        )
    for sentence in sentences(changes.by_kind, nodes, before, after):
        print_note(sentence)
    return code


async def _pair(store: Store, settings: Settings, before: str | None, after: str | None) -> tuple[str, str]:
    """Returns the ids of the two committed scans to compare.

    Raises:
        ScanNotFound: One does not exist, or there is none of its scope and filters before the other.
        ConfigError: They are the same.
    """
    after = await chosen_scan(store, settings, after)
    if before is None:
        earlier = await store.newest_before(after)
        if earlier is None:
            raise ScanNotFound(
                f"{store.url} holds no scan before {after} of the same scope and filters to compare it with; "
                "run another scan first, or name two scans"
            )
        return earlier, after
    before = await store.resolve(before)
    if before == after:
        raise ConfigError(f"scan {after} cannot be compared with itself; name two scans, see: patchsweep scans")
    return before, after
