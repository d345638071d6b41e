"""`patchsweep scans times`: the mean time to patch by severity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import click
from msgspec import structs

from scanner.cli import options
from scanner.cli.choose_scan import chosen_scan
from scanner.cli.completion import complete_scan_id
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.latest_options import latest_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section
from scanner.cli.output import print_lines, print_note

if TYPE_CHECKING:
    from scanner.app import PatchTimes
    from scanner.core.settings import Settings


@click.command("times", cls=SectionedCommand, short_help="Show the mean time to patch by severity.")
@click.argument("scan_id", required=False, shell_complete=complete_scan_id)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=90,
    metavar="N",
    cls=Sectioned,
    section="Run",
    help="Over the scans of so many days up to the last.  [default: 90]",
)
@section("Run", options.STORE)
@latest_options
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def times(
    app: AppLoader, /, *, scan_id: str | None, days: int, as_json: bool, config: str | None, **given: object
) -> int:
    """Show how long packages were lacking until a scan no longer saw them lacking.

    Over the scans of the scope and filters of SCAN_ID, or of the newest scan.
    """
    found = anyio.run(_read, app, settings_of_reader(config, given, scan_id), scan_id, days)
    if as_json:
        print_document(**structs.asdict(found))
    else:
        print_lines(_table(found))
    if found.left_out:
        print_note(f"left out, because they hold no figures: {', '.join(found.left_out)}")
    return ExitCode.COMPLETE


async def _read(app: AppLoader, settings: Settings, asked: str | None, days: int) -> PatchTimes:
    async with app().open_store(settings) as store:
        return await app().read_patch_times(store, await chosen_scan(store, settings, asked), days)


def _table(found: PatchTimes) -> list[str]:
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned, counted

    if not found.severities:
        return [f"nothing was patched between the {counted(found.scans, 'scan')} of {found.days} days"]
    header = ("severity", "packages", "mean days", "lacking since before the first scan")
    rows = [
        (
            each.severity or "",
            each.packages,
            _days(each.mean_days),
            each.begun_earlier,
        )
        for each in found.severities
    ]
    return aligned(rows, header, table_width())


def _days(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.1f}"
