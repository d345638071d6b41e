"""`patchsweep publish`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import anyio
import click
from msgspec import Struct

from scanner.cli import options
from scanner.cli.completion import complete_scan_id
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.latest_options import latest_options, settings_of_reader
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section
from scanner.cli.output import check_stdout_is_free, data_stdout, print_error, print_note
from scanner.cli.verbosity import is_quiet
from scanner.core.errors import ConfigError

if TYPE_CHECKING:
    from scanner.app import PublishReport
    from scanner.reports.lines import Line


@click.command("publish", cls=SectionedCommand)
@click.argument("scan_id", required=False, shell_complete=complete_scan_id)
@section("Run", options.STORE | options.SINKS)
@latest_options
@table_or_json_option
@options.log_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, scan_id: str | None, as_json: bool, config: str | None, **given: object) -> int:
    """Send a stored scan to sinks again, the newest or SCAN_ID.

    Publishing the same scan twice leaves it there once.
    """
    from scanner.cli.scan_output import log_to_stderr
    from scanner.cli.styled import print_styled

    settings = settings_of_reader(config, given, scan_id)
    if not settings.sinks:
        raise ConfigError("publish needs a destination: name a sink with --sink, PATCHSWEEP_SINK or the key sinks")
    if as_json:
        check_stdout_is_free(settings)
    log_to_stderr(settings)
    report = anyio.run(
        partial(app().run_publish, settings, None if scan_id == "latest" else scan_id, stdout=data_stdout())
    )
    if report.note is not None:
        print_note(report.note)
    code = ExitCode.PARTIAL if report.failures else ExitCode.COMPLETE
    if as_json:
        print_document(**publish_document(report, settings.sinks), exit_code=code.value)
    elif not is_quiet(settings):
        print_styled(publish_lines(report, len(set(settings.sinks))))
    for sink, reason in report.failures.items():
        print_error(f"sink failed: {sink}: {reason}")
    return code


def publish_document(report: PublishReport, sinks: Sequence[str]) -> dict[str, object]:
    """Returns what became of each sink for a program, secrets masked."""
    from scanner.sinks.spec import parse_spec

    labels = [parse_spec(sink).label for sink in sinks]
    outcomes = [PublishedTo(label, label not in report.failures, report.failures.get(label)) for label in labels]
    return {"scan_id": report.scan_id, "patch_rows": report.rows, "sinks": outcomes}


class PublishedTo(Struct, frozen=True):
    """A sink, and why it does not have the scan."""

    sink: str
    is_sent: bool
    reason: str | None


def publish_lines(report: PublishReport, sinks: int) -> list[Line]:
    """Returns how many sinks have the scan now; those that failed are printed as errors."""
    from scanner.reports.lines import Line, counted

    reached = sinks - len(report.failures)
    if not reached:
        return []
    rows = counted(report.rows, "patch row")
    where = counted(reached, "sink") if reached == sinks else f"{reached:,} of {counted(sinks, 'sink')}"
    return [Line(f"Scan {report.scan_id}: {rows} sent to {where}.", "head")]
