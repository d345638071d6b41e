"""`patchsweep scans`: list, show, verify, forget and prune."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import click
from msgspec import Struct, structs

from scanner.cli import options
from scanner.cli.completion import complete_scan_id
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.latest_options import latest_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section
from scanner.cli.output import print_lines
from scanner.cli.scans_forget import forget
from scanner.cli.scans_times import times
from scanner.core.comparable import comparable_part, filters_text, scope_text
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.model import EpochMs, ScanRow

if TYPE_CHECKING:
    from scanner.core.settings import Settings
    from scanner.store.store import Store

READ_AT_ONCE = 8  # scans whose two small files are read side by side

_T = TypeVar("_T")


class DefaultsToList(click.Group):
    """Runs `list` where no command is named, with the options given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, ["list", *args] if bare else args)


@click.group("scans", cls=DefaultsToList)
def command() -> None:
    """List, verify and remove stored scans; alone it lists them."""


@command.command("list", cls=SectionedCommand, short_help="List the scans of a store.")
@section("Run", options.STORE)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def list_scans(app: AppLoader, /, *, as_json: bool, config: str | None, **given: object) -> int:
    """List the scans of a store, the newest last."""
    store, scans = _with_store(app, settings_of_reader(config, given), _listing)
    if as_json:
        print_document(store=store, scans=scans)
    else:
        print_lines(_table(scans) if scans else [f"no scans in {store}"])
    return ExitCode.COMPLETE


@command.command("verify", cls=SectionedCommand, short_help="Check the files of scans.")
@click.argument("scan_id", required=False, shell_complete=complete_scan_id)
@section("Run", options.STORE)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def verify(app: AppLoader, /, *, scan_id: str | None, as_json: bool, config: str | None, **given: object) -> int:
    """Compare every file of SCAN_ID, or of all scans, with its manifest.

    Exit code 1 if a file is missing or was modified.
    """
    found = _with_store(app, settings_of_reader(config, given), partial(_verified, scan_id))
    if as_json:
        print_document(verified=[Verified(where, not problems, problems) for where, problems in found.items()])
    else:
        sound = ["OK: all files present and unmodified"]
        print_lines([f"{where}: {what}" for where, problems in found.items() for what in problems or sound])
    return ExitCode.FAILED if any(found.values()) else ExitCode.COMPLETE


@command.command("prune", cls=SectionedCommand, short_help="Remove all but the newest scans.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    cls=Sectioned,
    section="Run",
    help="How many of the newest scans to keep, of whatever scope.",
)
@section("Run", options.STORE)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def prune(app: AppLoader, /, *, keep: int, as_json: bool, config: str | None, **given: object) -> int:
    """Remove all but the newest N scans, and unfinished scans older than those.

    `scans forget` knows more rules.
    """
    removed = _with_store(app, settings_of_reader(config, given), lambda store: store.prune(keep))
    if as_json:
        print_document(removed=removed)
    else:
        print_lines([f"removed {scan_id}" for scan_id in removed] or ["nothing to remove"])
    return ExitCode.COMPLETE


command.add_command(forget)
command.add_command(times)


@command.command("show", cls=SectionedCommand, short_help="Show what a scan was asked, and how it ended.")
@click.argument("scan_id", required=False, shell_complete=complete_scan_id)
@section("Run", options.STORE)
@latest_options
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def show(app: AppLoader, /, *, scan_id: str | None, as_json: bool, config: str | None, **given: object) -> int:
    """Show what SCAN_ID, or the newest scan, was asked for, how it ended, and what it holds.

    Of a scan that is still read it shows how far its workers have come.
    """
    from scanner.cli.scans_progress import progress_lines, unfinished_scan
    from scanner.cli.scans_show import shown_scan, text_of

    settings = settings_of_reader(config, given, scan_id)
    if scan_id is not None:
        unfinished = _with_store(app, settings, partial(unfinished_scan, scan_id=scan_id))
        if unfinished is not None:
            if as_json:
                print_document(**structs.asdict(unfinished))
            else:
                print_lines(progress_lines(unfinished))
            return ExitCode.COMPLETE
    scan = _with_store(app, settings, partial(shown_scan, settings=settings, asked=scan_id))
    if as_json:
        print_document(**structs.asdict(scan))
    else:
        print_lines(text_of(scan))
    return ExitCode.COMPLETE


def _with_store(app: AppLoader, settings: Settings, work: Callable[[Store], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        async with app().open_store(settings) as store:
            return await work(store)

    return anyio.run(run)


class Verified(Struct, frozen=True):
    """What became of comparing the files of a scan with their manifest; `where` is a scan id, or the store itself."""

    where: str
    is_sound: bool
    problems: list[str]


async def _verified(scan_id: str | None, store: Store) -> dict[str, list[str]]:
    """Returns what is wrong, by scan and, where no scan is named, of the store itself."""
    asked = [await store.resolve(scan_id)] if scan_id or not await store.committed() else await store.committed()
    found = {each: await store.verify(each) for each in asked}
    if scan_id is None and (pointer := await store.verify_latest()):
        found[store.url] = pointer
    return found


class ListedScan(Struct, frozen=True):
    """A scan of a store; of one that is damaged only its id is known, of an unfinished one not yet its row."""

    scan_id: str
    status: str
    row: ScanRow | None = None
    started_at: EpochMs | None = None
    scope: str = ""
    filters: str = ""
    label: str | None = None


async def _listing(store: Store) -> tuple[str, list[ListedScan]]:
    """Returns the store's location, and its scans with the newest last."""
    from scanner.core.concurrency import map_bounded

    committed, unfinished = await store.committed(), await store.unfinished()
    scans = await map_bounded(partial(_listed, store), committed, READ_AT_ONCE)
    scans += [await _with_request(store, ListedScan(scan_id, "unfinished")) for scan_id in unfinished]
    return store.url, sorted(scans, key=lambda scan: scan.scan_id)


async def _listed(store: Store, scan_id: str) -> ListedScan:
    try:
        row = (await store.manifest(scan_id)).scan
    except StoreError:
        return ListedScan(scan_id, "damaged")
    return await _with_request(store, ListedScan(scan_id, row.status.value, row))


async def _with_request(store: Store, scan: ListedScan) -> ListedScan:
    """Returns the scan with what it was asked for, where its header can be read."""
    try:
        header = await store.header(scan.scan_id)
    except (StoreError, ScanNotFound):
        return scan
    part = comparable_part(header.request, demo=header.demo)
    return structs.replace(
        scan,
        started_at=header.started_at,
        scope=scope_text(part),
        filters=filters_text(part),
        label=header.label,
    )


def _table(scans: Sequence[ListedScan]) -> list[str]:
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned

    header = ("scan", "started", "status", "mode", "targets", "nodes", "rows", "took", "scope", "filters", "label")
    rows = [
        (scan.scan_id, _time(scan), scan.status, *_figures(scan.row), scan.scope, scan.filters, scan.label or "")
        for scan in scans
    ]
    return aligned(rows, header, table_width())


def _time(scan: ListedScan) -> str:
    """Returns when the scan was started, in UTC and to the minute."""
    if scan.started_at is None:
        return ""
    return f"{datetime.fromtimestamp(scan.started_at / 1000, UTC):%Y-%m-%d %H:%M}"


def _figures(row: ScanRow | None) -> tuple[str | int, ...]:
    from scanner.reports.lines import duration

    if row is None:
        return ("", "", "", "", "")
    took = duration((row.finished_at - row.started_at) / 1000)
    return (row.mode, sum(row.targets.values()), sum(row.nodes.values()), row.patch_rows, took)
