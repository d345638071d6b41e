"""`patchsweep sinks`."""

from __future__ import annotations

import click

from scanner import __version__
from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import print_document, table_or_json_option
from scanner.cli.options import SectionedCommand
from scanner.cli.output import print_lines
from scanner.cli.verbosity import apply_log_options


@click.command("sinks", cls=SectionedCommand)
@table_or_json_option
@options.log_options
def command(*, as_json: bool, **given: object) -> int:
    """Show the installed sinks, and where each comes from."""
    apply_log_options(given)
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned
    from scanner.sinks.registry import installed_sinks

    sinks = installed_sinks().installed(__version__)
    if as_json:
        print_document(sinks=sinks)
        return ExitCode.COMPLETE
    rows = [(sink.name, sink.distribution, sink.version, sink.note or "") for sink in sinks]
    print_lines(aligned(rows, ("type", "from", "version", "note"), table_width()))
    return ExitCode.COMPLETE
