"""`patchsweep schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from scanner.cli.options import SectionedCommand
from scanner.cli.output import print_data, print_lines

if TYPE_CHECKING:
    from scanner.reports.data_dictionary import DescribedTable


@click.command("schema", cls=SectionedCommand)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to show it.")
def command(form: Literal["table", "json"]) -> int:
    """Show every table and column that a scan delivers, with its meaning."""
    import msgspec

    from scanner.reports.data_dictionary import described_tables

    dictionary = described_tables()
    if form == "json":
        print_data(msgspec.json.format(msgspec.json.encode(dictionary), indent=2) + b"\n")
    else:
        print_lines(line for table in dictionary.tables for line in _lines(table))
    return 0


def _lines(table: DescribedTable) -> list[str]:
    from scanner.cli.styled import table_width
    from scanner.reports.lines import aligned

    rows = [(column.name, column.type, column.description) for column in table.columns]
    return [f"{table.name}: {table.description}", "", *aligned(rows, ("column", "type", "meaning"), table_width()), ""]
