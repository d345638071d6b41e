"""`patchsweep sinks`."""

from __future__ import annotations

import click

from scanner import __version__
from scanner.cli.options import SectionedCommand
from scanner.cli.output import print_lines


@click.command("sinks", cls=SectionedCommand)
def command() -> int:
    """Show the installed sinks, and where each comes from."""
    from scanner.reports.lines import aligned
    from scanner.sinks.registry import installed_sinks

    sinks = installed_sinks().installed(__version__)
    rows = [(sink.name, sink.distribution, sink.version, sink.note or "") for sink in sinks]
    print_lines(aligned(rows, ("type", "from", "version", "note")))
    return 0
