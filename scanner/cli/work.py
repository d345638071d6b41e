"""`patchsweep work`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import anyio
import click
from msgspec import structs

from scanner.cli import options
from scanner.cli.completion import complete_unfinished
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.load_app import AppLoader
from scanner.cli.options import Sectioned, SectionedCommand, section, settings_of
from scanner.cli.output import print_note
from scanner.cli.scan import EVENT_LOOP
from scanner.cli.verbosity import is_quiet
from scanner.core.errors import ConfigError
from scanner.reports.lines import counted

if TYPE_CHECKING:
    from scanner.app import WorkReport

#: Set by AWS Batch in each child of an array job, and by Kubernetes in each pod of an Indexed Job.
INDEX_VARIABLES = ("AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX")
_SCOPE = {"scope.external_id": options.SCOPE["scope.external_id"]}


@click.command("work", cls=SectionedCommand)
@click.argument("scan_id", shell_complete=complete_unfinished)
@click.option(
    "--slice",
    "part",
    metavar="I/N",
    cls=Sectioned,
    section="Run",
    help="Which part of the targets: I counts from 0.  [default: 0/1]",
)
@click.option(
    "--slices",
    type=click.IntRange(min=1),
    metavar="N",
    cls=Sectioned,
    section="Run",
    help=f"The same with I from {' or '.join(INDEX_VARIABLES)}.",
)
@section("Run", options.STORE)
@section("Scope", _SCOPE)
@section("Speed", options.SPEED)
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def command(
    app: AppLoader,
    /,
    *,
    scan_id: str,
    part: str | None,
    slices: int | None,
    as_json: bool,
    config: str | None,
    **given: object,
) -> int:
    """Read one part of a scan that `patchsweep begin` planned.

    Workers need the store and the roles of the accounts, nothing else, and do
    not talk to each other. One that was killed is started again with the same
    command. It ends with 0 when each of its targets has ended, denied ones too;
    with 1 where starting it again may help, with 2 where it cannot.
    """
    from scanner.cli.garbage_collection import start_up_uncollected
    from scanner.cli.log_setup import LogObserver, bound_to
    from scanner.cli.scan_output import log_to_stderr
    from scanner.cli.without_numpy import load_arrow_without_numpy

    settings = settings_of(config, given)
    load_arrow_without_numpy(settings)
    named = slice_text(part, slices, os.environ)
    log_to_stderr(settings)
    with bound_to(scan_id=scan_id, slice=named), start_up_uncollected() as start_up:
        run = partial(app().run_work, settings, scan_id, named, observers=[start_up, LogObserver()])
        report = anyio.run(run, backend_options=EVENT_LOOP)
    if as_json:
        print_document(**structs.asdict(report))
    elif not is_quiet(settings):
        print_note(report_text(report))
    return ExitCode.COMPLETE


def slice_text(part: str | None, slices: int | None, environ: Mapping[str, str]) -> str:
    """Returns the slice as `I/N`, its index taken from the environment where only the number of slices is given.

    Raises:
        ConfigError: both are given, or no variable has the index, or one that is none of these slices.
    """
    if slices is None:
        return "0/1" if part is None else part
    if part is not None:
        raise ConfigError("--slice and --slices exclude each other: give one of them")
    name = next((each for each in INDEX_VARIABLES if environ.get(each)), None)
    if name is None:
        raise ConfigError(
            f"--slices needs the index of this worker in {' or '.join(INDEX_VARIABLES)}; else give --slice"
        )
    index = environ[name]
    if not (index.isascii() and index.isdecimal() and int(index) < slices):
        raise ConfigError(f"{name} is {index!a}, which is no index from 0 to {slices - 1}: --slices is {slices}")
    return f"{index}/{slices}"


def report_text(report: WorkReport) -> str:
    """Returns what the worker did in a sentence."""
    if report.is_committed:
        return f"the scan {report.scan_id} is committed already: there is nothing to read"
    targets = counted(report.targets, "target")
    return f"slice {report.slice} of the scan {report.scan_id} was read to its end: {targets}"
