"""`patchsweep schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scanner.cli import options
from scanner.cli.exit_codes import ExitCode
from scanner.cli.json_document import table_or_json_option
from scanner.cli.options import SectionedCommand
from scanner.cli.output import print_data, print_lines
from scanner.cli.verbosity import apply_log_options

if TYPE_CHECKING:
    from scanner.reports.data_dictionary import DescribedTable


@click.command("schema", cls=SectionedCommand)
@table_or_json_option
@options.log_options
def command(*, as_json: bool, **given: object) -> int:
    """Show every table and column that a scan delivers, with its meaning."""
    import msgspec

    from scanner.reports.data_dictionary import described_tables

    apply_log_options(given)
    dictionary = described_tables()
    if as_json:
        print_data(msgspec.json.format(msgspec.json.encode(dictionary), indent=2) + b"\n")
    else:
        print_lines(line for table in dictionary.tables for line in _lines(table))
    return ExitCode.COMPLETE


def _lines(table: DescribedTable) -> list[str]:
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned

    rows = [(column.name, column.type, column.description) for column in table.columns]
    return [f"{table.name}: {table.description}", "", *aligned(rows, ("column", "type", "meaning"), table_width()), ""]
