"""What the README says is so."""

from __future__ import annotations

import re
from pathlib import Path

import click
import duckdb
import pytest

from scanner.cli.commands import COMMANDS, patchsweep
from scanner.core.model import NodeStatus, TargetStatus
from scanner.core.tables import TABLES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)


def table_under(header):
    """The first cells of the table whose header starts so."""
    rows = README.split(f"| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def scan_options():
    command = patchsweep.get_command(click.Context(patchsweep), "scan")
    return {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}


def test_every_status_of_nodes_and_targets_is_explained():
    assert table_under("node status") == [f"`{status}`" for status in sorted(NodeStatus, key=_told)]
    assert table_under("target status") == [f"`{status}`" for status in TargetStatus]


def _told(status):
    """Delivered and complete first, as the table has them."""
    order = ["verified", "unchanged", "no_patch_data", "gone", "mismatched", "denied", "failed", "unfinished"]
    return order.index(status)


def test_every_command_is_listed_and_none_that_there_is_not():
    listed = [re.match(r"`patchsweep ([a-z]+)", cell)[1] for cell in table_under("command")]

    assert listed == sorted(COMMANDS, key=listed.index)
    assert len(listed) == len(COMMANDS)


def test_every_option_that_is_named_exists():
    named = {option for cell in table_under("option") for option in re.findall(r"--[a-z-]+", cell)}

    assert named
    assert named <= scan_options()


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.replace("\\\n", "").splitlines()])
def test_every_printed_command_line_has_options_that_exist(line):
    for call in re.findall(rf"patchsweep ({'|'.join(COMMANDS)})( [^|]*)?", line):
        command = patchsweep.get_command(click.Context(patchsweep), call[0])
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<= )--[a-z-]+", call[1])) <= known


@pytest.mark.parametrize("sql", blocks("sql"))
def test_every_printed_query_fits_the_tables(sql):
    with duckdb.connect() as database:
        for name, schema in TABLES.items():
            database.register(name, schema.empty_table())
        assert database.sql(sql.rstrip().rstrip(";")).columns


def test_the_printed_sink_is_the_one_that_is_tested():
    assert (ROOT / "tests/sinks/example_plugin/patchsweep_totals.py").read_text() == blocks("python")[0]


def test_every_link_leads_to_a_file():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
