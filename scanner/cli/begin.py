"""`patchsweep begin`."""

from __future__ import annotations

from functools import partial

import anyio
import click
from msgspec import structs

from scanner.cli import options
from scanner.cli.completion import complete_unfinished
from scanner.cli.demo_options import demo_option
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section, settings_of
from scanner.cli.output import data_stdout, print_lines, print_note
from scanner.cli.scan import EVENT_LOOP
from scanner.cli.verbosity import is_quiet
from scanner.core.scan_request import LATEST_OR_NEW


@click.command("begin", cls=SectionedCommand)
@demo_option
@section("Scope", options.SCOPE)
@section("Patches", options.PATCHES)
@section("Coverage", options.COVERAGE)
@section("Run", {"mode": options.MODE} | options.STORE | options.SINKS)
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    metavar="[SCAN_ID]",
    cls=Sectioned,
    section="Run",
    shell_complete=complete_unfinished,
    help="Plan an unfinished scan again: the newest one, or this one.",
)
@click.option(
    "--resume-or-start",
    is_flag=True,
    cls=Sectioned,
    section="Run",
    help="For schedulers: plan the newest unfinished scan of the same request again, else start one.",
)
@click.option(
    "--scan-id",
    metavar="ID",
    cls=Sectioned,
    section="Run",
    help="Begin under this id, or plan its scan again: for engines that cannot read the output.",
)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def command(
    app: AppLoader,
    /,
    *,
    demo: bool,
    resume: str | None,
    resume_or_start: bool,
    scan_id: str | None,
    as_json: bool,
    config: str | None,
    **given: object,
) -> int:
    """Start a scan that several workers read, and print its id.

    It finds out which accounts and Regions are in scope. Then run `patchsweep
    work SCAN_ID --slice I/N` in each of N workers, and `patchsweep finish
    SCAN_ID` when they have ended.
    """
    from scanner.cli.scan_output import log_to_stderr

    if resume_or_start:
        if resume is not None:
            raise click.UsageError("--resume and --resume-or-start exclude each other")
        resume = LATEST_OR_NEW
    if scan_id is not None and resume is not None:
        raise click.UsageError("--scan-id excludes --resume and --resume-or-start")
    settings = settings_of(config, given, demo=demo)
    log_to_stderr(settings)
    run = partial(app().run_begin, settings, resume=resume, demo=demo, stdout=data_stdout(), scan_id=scan_id)
    begun = anyio.run(run, backend_options=EVENT_LOOP)
    if not is_quiet(settings):
        for note in begun.notes:
            print_note(note)
    if as_json:
        print_document(**structs.asdict(begun))
    else:
        print_lines([begun.scan_id])
    return ExitCode.COMPLETE
