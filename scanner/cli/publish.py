"""`patchsweep publish`."""

from __future__ import annotations

import sys
from functools import partial

import anyio
import click

from scanner.cli import options
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of
from scanner.core.errors import ConfigError


@click.command("publish", cls=SectionedCommand)
@click.argument("scan_id", required=False)
@section("Run", options.STORE | options.SINKS)
@section("Output", options.LOG)
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, scan_id: str | None, config: str | None, **given: object) -> int:
    """Send a stored scan to sinks again, the newest or SCAN_ID.

    Publishing the same scan twice leaves it there once.
    """
    from scanner.cli.scan_output import log_to_stderr
    from scanner.cli.styled import paint
    from scanner.reports.lines import Line, counted

    settings = settings_of(config, given)
    if not settings.sinks:
        raise ConfigError("publish needs to know where to: name a sink with --sink, PATCHSWEEP_SINK or the key sinks")
    log_to_stderr(settings)
    report = anyio.run(partial(app().run_publish, settings, _asked(scan_id), stdout=sys.stdout.buffer))
    paint([Line(f"Scan {report.scan_id}: {counted(report.rows, 'patch row')} published.", "head")])
    paint([Line(f"  sink failed {sink}: {reason}", "bad") for sink, reason in report.failures.items()])
    return 3 if report.failures else 0


def _asked(scan_id: str | None) -> str | None:
    return None if scan_id == "latest" else scan_id
