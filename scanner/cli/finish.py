"""`patchsweep finish`."""

from __future__ import annotations

from functools import partial

import anyio
import click

from scanner.cli import options
from scanner.cli.completion import complete_unfinished
from scanner.cli.json_document import table_or_json_option
from scanner.cli.load_app import AppLoader
from scanner.cli.options import SectionedCommand, section, settings_of
from scanner.cli.output import data_stdout
from scanner.cli.scan import EVENT_LOOP, OUTPUT


@click.command("finish", cls=SectionedCommand)
@click.argument("scan_id", shell_complete=complete_unfinished)
@section("Run", options.STORE | options.SINKS | options.STALE)
@section("Output", OUTPUT)
@table_or_json_option
@options.verbosity_options
@options.config_option
@click.pass_obj
def command(app: AppLoader, /, *, scan_id: str, as_json: bool, config: str | None, **given: object) -> int:
    """Commit a scan that workers have read, and send it to its sinks.

    Targets that no worker has read to their end are named and make the scan
    partial. Run again, it sends the committed scan to its sinks again and ends
    with the same code.
    """
    from scanner.cli.announce import Announcer, announced_failure, show_and_announce
    from scanner.cli.scan_output import watched

    settings = settings_of(config, given)
    announcer = Announcer(app, settings)
    announcer.check()
    with watched(settings, as_json=as_json) as watch, announced_failure(announcer):
        run = partial(app().run_finish, settings, scan_id, observers=watch.observers, stdout=data_stdout())
        result = anyio.run(run, backend_options=EVENT_LOOP)
    return show_and_announce(watch, announcer, result)
