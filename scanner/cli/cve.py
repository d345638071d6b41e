"""`patchsweep cve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import click

from scanner.cli import options
from scanner.cli.exit_codes import answer_exit_code
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section, settings_of
from scanner.cli.output import print_note
from scanner.cli.queries import format_option, open_scans, print_answer

if TYPE_CHECKING:
    from scanner.core.settings import Settings
    from scanner.reports.sql.render import Format


@click.command("cve", cls=SectionedCommand)
@click.argument("cve_id")
@click.option(
    "--scan",
    "scan_id",
    metavar="ID",
    default="latest",
    cls=Sectioned,
    section="Run",
    help="The scan to query: an id, or latest.  [default: latest]",
)
@section("Run", options.STORE)
@format_option
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, cve_id: str, scan_id: str, form: Format, config: str | None, **given: object) -> int:
    """Show the nodes that lack the fix for a CVE, with the patch that has it.

    Stderr counts the nodes without an answer: not read, no patch data, or a
    platform for which AWS names no CVEs. Exit code 0 if every node has an
    answer, 3 otherwise.
    """
    from scanner.reports.cve import cve_id_of

    return anyio.run(_answer, app, settings_of(config, given), cve_id_of(cve_id), scan_id, form)


async def _answer(app: AppLoader, settings: Settings, cve_id: str, asked: str, form: Format) -> int:
    from scanner.reports.cve import LACKING, check_filters, cve_coverage, parameters, sentences

    async with app().open_store(settings) as store:
        scan_id = await store.resolve(asked)
        check_filters(scan_id, (await store.header(scan_id)).request.patches)
        scan = (await store.manifest(scan_id)).scan
        async with open_scans(store, [scan_id]) as views:
            coverage = await cve_coverage(views, scan, cve_id)
            await print_answer(views, LACKING, form, parameters(cve_id))
    for sentence in sentences(coverage, cve_id, scan_id):
        print_note(sentence)
    return answer_exit_code(covers_all_nodes=coverage.covers_all_nodes)
