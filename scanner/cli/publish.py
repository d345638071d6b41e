"""`patchsweep publish`."""

from __future__ import annotations

from functools import partial

import anyio
import click

from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of
from scanner.cli.output import data_stdout
from scanner.core.errors import ConfigError


@click.command("publish", cls=SectionedCommand)
@click.argument("scan_id", required=False)
@section("Run", options.STORE | options.SINKS)
@section("Output", options.LOG)
@options.verbosity_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, scan_id: str | None, config: str | None, **given: object) -> int:
    """Send a stored scan to sinks again, the newest or SCAN_ID.

    Publishing the same scan twice leaves it there once.
    """
    from scanner.cli.scan_output import log_to_stderr
    from scanner.cli.styled import print_styled
    from scanner.reports.lines import Line, counted

    settings = settings_of(config, given)
    if not settings.sinks:
        raise ConfigError("publish needs to know where to: name a sink with --sink, PATCHSWEEP_SINK or the key sinks")
    log_to_stderr(settings)
    report = anyio.run(partial(app().run_publish, settings, _asked(scan_id), stdout=data_stdout()))
    print_styled([Line(f"Scan {report.scan_id}: {counted(report.rows, 'patch row')} published.", "head")])
    print_styled([Line(f"  sink failed {sink}: {reason}", "bad") for sink, reason in report.failures.items()])
    return ExitCode.PARTIAL if report.failures else ExitCode.COMPLETE


def _asked(scan_id: str | None) -> str | None:
    return None if scan_id == "latest" else scan_id
