"""`patchsweep report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from scanner.cli import options
from scanner.cli.atomic_file import check_file, write_file
from scanner.cli.exit_codes import ExitCode
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section, settings_of
from scanner.cli.output import print_data, print_note
from scanner.cli.queries import open_scans
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.core.settings import Settings

STDOUT = "-"


@click.command("report", cls=SectionedCommand)
@click.argument("scan_id", required=False)
@section("Run", options.STORE)
@click.option(
    "--output",
    metavar="FILE",
    cls=Sectioned,
    section="Output",
    help="The HTML file to write; - is stdout.  [default: patchsweep-report-SCAN_ID.html]",
)
@click.option(
    "--open",
    "opens",
    is_flag=True,
    cls=Sectioned,
    section="Output",
    help="Show the file in the browser of this machine.",
)
@options.config_option
@click.pass_obj
def command(
    app: AppLoader, /, *, scan_id: str | None, output: str | None, opens: bool, config: str | None, **given: object
) -> int:
    """Write an HTML report of SCAN_ID, or of the newest scan.

    It shows first what was covered and how old the patch data is, then what
    nodes lack. One file without network access or scripts: open it in a
    browser, print it, mail it.
    """
    settings = settings_of(config, given)
    if output == STDOUT and opens:
        raise ConfigError("--open needs a file; give --output a name other than -")
    if output not in (None, STDOUT):
        check_file(output, "report")
    scan_id, page = anyio.run(_page, app, settings, scan_id)
    if output == STDOUT:
        print_data(page)
        return ExitCode.COMPLETE
    file = output or f"patchsweep-report-{scan_id}.html"
    write_file(file, page, "report")
    print_note(f"the report of scan {scan_id} is in {file}")
    if opens and click.launch(Path(file).resolve().as_uri()) != 0:
        print_note("no browser could be started; open the file by hand")
    return ExitCode.COMPLETE


async def _page(app: AppLoader, settings: Settings, asked: str | None) -> tuple[str, bytes]:
    """Returns the id of the scan that is meant, and its report as an HTML file."""
    from scanner.reports.html.data import report
    from scanner.reports.html.page import page

    async with app().open_store(settings) as store:
        scan_id = await store.resolve(asked)
        filters = (await store.header(scan_id)).request.patches
        scan = (await store.manifest(scan_id)).scan
        async with open_scans(store, [scan_id]) as views:
            found = await report(views, scan, filters)
    return scan_id, page(found, settings.store.location).encode()
