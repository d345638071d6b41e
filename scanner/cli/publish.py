"""`patchsweep publish`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from scanner.cli import options
from scanner.cli.completion import complete_scan_id
from scanner.cli.exit_codes import ExitCode
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of
from scanner.cli.output import data_stdout, print_error
from scanner.cli.verbosity import is_quiet
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.app import PublishReport
    from scanner.reports.lines import Line


@click.command("publish", cls=SectionedCommand)
@click.argument("scan_id", required=False, shell_complete=complete_scan_id)
@section("Run", options.STORE | options.SINKS)
@options.log_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, scan_id: str | None, config: str | None, **given: object) -> int:
    """Send a stored scan to sinks again, the newest or SCAN_ID.

    Publishing the same scan twice leaves it there once.
    """
    from scanner.cli.scan_output import log_to_stderr
    from scanner.cli.styled import print_styled

    settings = settings_of(config, given)
    if not settings.sinks:
        raise ConfigError("publish needs a destination: name a sink with --sink, PATCHSWEEP_SINK or the key sinks")
    log_to_stderr(settings)
    report = anyio.run(
        partial(app().run_publish, settings, None if scan_id == "latest" else scan_id, stdout=data_stdout())
    )
    if not is_quiet(settings):
        print_styled(publish_lines(report, len(set(settings.sinks))))
    for sink, reason in report.failures.items():
        print_error(f"sink failed: {sink}: {reason}")
    return ExitCode.PARTIAL if report.failures else ExitCode.COMPLETE


def publish_lines(report: PublishReport, sinks: int) -> list[Line]:
    """Returns how many sinks have the scan now; those that failed are printed as errors."""
    from scanner.reports.lines import Line, counted

    reached = sinks - len(report.failures)
    if not reached:
        return []
    rows = counted(report.rows, "patch row")
    where = counted(reached, "sink") if reached == sinks else f"{reached:,} of {counted(sinks, 'sink')}"
    return [Line(f"Scan {report.scan_id}: {rows} sent to {where}.", "head")]
