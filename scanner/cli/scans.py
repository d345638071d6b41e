"""`patchsweep scans`: list, verify and prune."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import click

from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section, settings_of
from scanner.cli.output import print_lines

if TYPE_CHECKING:
    from scanner.core.settings import Settings
    from scanner.store.store import Store

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
@options.config_option
@click.pass_obj
def list_scans(app: AppLoader, /, *, config: str | None, **given: object) -> int:
    """List the scans of a store, the newest last."""
    print_lines(_with_store(app, settings_of(config, given), _listing))
    return 0


@command.command("verify", cls=SectionedCommand, short_help="Check the files of scans.")
@click.argument("scan_id", required=False)
@section("Run", options.STORE)
@options.config_option
@click.pass_obj
def verify(app: AppLoader, /, *, scan_id: str | None, config: str | None, **given: object) -> int:
    """Compare every file of SCAN_ID, or of all scans, with its manifest.

    Exit code 1 if a file is missing or was modified.
    """
    found = _with_store(app, settings_of(config, given), partial(_verified, scan_id))
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
    help="How many of the newest scans to keep.",
)
@section("Run", options.STORE)
@options.config_option
@click.pass_obj
def prune(app: AppLoader, /, *, keep: int, config: str | None, **given: object) -> int:
    """Remove all but the newest N scans, and unfinished scans older than those."""
    removed = _with_store(app, settings_of(config, given), lambda store: store.prune(keep))
    print_lines([f"removed {scan_id}" for scan_id in removed] or ["nothing to remove"])
    return 0


def _with_store(app: AppLoader, settings: Settings, work: Callable[[Store], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        async with app().open_store(settings) as store:
            return await work(store)

    return anyio.run(run)


async def _verified(scan_id: str | None, store: Store) -> dict[str, list[str]]:
    """What is wrong, by scan and, where no scan is named, of the store itself."""
    asked = [await store.resolve(scan_id)] if scan_id or not await store.committed() else await store.committed()
    found = {each: await store.verify(each) for each in asked}
    if scan_id is None and (pointer := await store.verify_latest()):
        found[store.url] = pointer
    return found


async def _listing(store: Store) -> list[str]:
    from scanner.reports.lines import aligned

    rows = [await _row(store, scan_id) for scan_id in await store.committed()]
    rows += [(scan_id, "unfinished", "", "", "", "", "") for scan_id in await store.unfinished()]
    if not rows:
        return [f"no scans in {store.url}"]
    header = ("scan", "status", "mode", "targets", "nodes", "rows", "took")
    return aligned(sorted(rows, key=lambda row: row[0]), header)


async def _row(store: Store, scan_id: str) -> tuple[str | int, ...]:
    from scanner.core.errors import StoreError
    from scanner.reports.lines import duration

    try:
        scan = (await store.manifest(scan_id)).scan
    except StoreError:
        return (scan_id, "damaged", "", "", "", "", "")
    took = duration((scan.finished_at - scan.started_at) / 1000)
    return (
        scan.scan_id,
        scan.status.value,
        scan.mode,
        sum(scan.targets.values()),
        sum(scan.nodes.values()),
        scan.patch_rows,
        took,
    )
