"""What README.md and docs/ say is so: commands, options, tables, queries, links and the files that they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import duckdb
import pyarrow as pa
import pytest

import scanner
from scanner.cli.commands import COMMANDS, patchsweep
from scanner.cli.exit_codes import ExitCode
from scanner.core.model import NodeStatus, TargetStatus
from scanner.core.tables import TABLES

ROOT = Path(__file__).parent.parent
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]}


def blocks(language, pages=PAGES):
    """Returns the fenced blocks of a language as pairs of page and text."""
    fence = rf"^ *```{language}\n(.*?)^ *```"
    return [(name, text) for name in pages for text in re.findall(fence, PAGES[name], re.MULTILINE | re.DOTALL)]


def table_under(page, header):
    """Returns the first cells of the table whose header starts so."""
    rows = PAGES[page].split(f"| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def command_of(words):
    """Returns the command that the words name, with the words left over; a group's own command for a subcommand."""
    command, context = patchsweep, click.Context(patchsweep)
    while isinstance(command, click.Group) and words and command.get_command(context, words[0]):
        command, words = command.get_command(context, words[0]), words[1:]
    return command, words


def options_of(command):
    return {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}


def printed_calls():
    """Yields each call of patchsweep that a page prints as a shell command, as page and words."""
    for page, block in blocks("sh"):
        for line in block.replace("\\\n", "").splitlines():
            for part in re.split(r"\||&&", line.split(" #")[0]):
                if part.strip().startswith("patchsweep "):
                    yield page, shlex.split(part)[1:]


def test_the_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 150


def test_the_readme_leads_to_every_page():
    listed = {f"docs/{target}" for target in re.findall(r"\]\((\w[\w-]*\.md)\)", PAGES["docs/index.md"])}

    assert listed | {"docs/index.md"} == {name for name in PAGES if name.startswith("docs/")}


def test_every_status_of_nodes_and_targets_is_explained():
    assert sorted(table_under("docs/results.md", "node status")) == sorted(f"`{status}`" for status in NodeStatus)
    assert table_under("docs/results.md", "target status") == [f"`{status}`" for status in TargetStatus]


def test_every_command_is_listed_and_none_that_there_is_not():
    listed = [re.match(r"`patchsweep ([a-z]+)", cell)[1] for cell in table_under("README.md", "command")]

    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize(("page", "header"), [("docs/scanning.md", "exit code"), ("docs/operations.md", "code")])
def test_every_exit_code_is_explained_and_none_that_there_is_not(page, header):
    listed = [int(code) for cell in table_under(page, header) for code in cell.split(", ")]

    assert sorted(listed) == sorted(ExitCode)


def test_every_option_that_the_table_names_exists():
    named = {
        option
        for cell in table_under("docs/scanning.md", "option")
        for option in re.findall(r"--[a-z][a-z0-9-]*", cell)
    }
    command, _ = command_of(["scan"])

    assert named
    assert named <= options_of(command)


@pytest.mark.parametrize(
    ("page", "words"), [pytest.param(*call, id=" ".join(call[1])[:60]) for call in printed_calls()]
)
def test_every_printed_command_exists_with_its_options(page, words):
    command, rest = command_of(words)

    assert {word.split("=")[0] for word in rest if word.startswith("--")} <= options_of(command), page


def every_option(command=patchsweep):
    """Returns the options of a command and of all below it."""
    if not isinstance(command, click.Group):
        return options_of(command)
    context = click.Context(command)
    names = command.list_commands(context)
    return options_of(command).union(*(every_option(command.get_command(context, name)) for name in names))


OTHERS = {
    "--help",
    "--seeds",
    "--seed",
    "--from",
    "--commands",
    "--kills",
    "--victims",
    "--nodes",
    "--place",
    "--only",
    "--json",
}  # click's, and those of the test programs


@pytest.mark.parametrize("page", [name for name in PAGES if name.startswith("docs/") or name == "README.md"])
def test_every_option_that_a_page_names_exists(page):
    text = re.sub(r"^ *```.*?^ *```", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    codes = " ".join(re.findall(r"`([^`]+)`", text))
    named = set(re.findall(r"(?<!\S)--[a-z][a-z0-9-]+", codes))

    assert named - OTHERS <= every_option()


def test_every_option_that_the_commented_configuration_names_exists():
    named = set(re.findall(r"(?<!\S)--[a-z][a-z0-9-]+", (ROOT / "config/patchsweep.toml").read_text()))

    assert named
    assert named <= every_option()


@pytest.mark.parametrize(("page", "text"), blocks("sql"), ids=lambda value: value[:40])
def test_every_printed_query_fits_the_tables(page, text):
    with duckdb.connect() as database:
        for name, schema in TABLES.items():
            # Beside its columns, a file of the parquet sink has the day by which it lies.
            database.register(name, schema.append(pa.field("scan_date", pa.string())).empty_table())
        assert database.sql(text.rstrip().rstrip(";")).columns, page


def test_the_printed_sink_is_the_one_that_is_tested():
    [(_, printed)] = blocks("python", ["docs/sinks.md"])
    assert (ROOT / "tests/sinks/example_plugin/patchsweep_totals.py").read_text() == printed


def anchors(text):
    """Returns the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page):
    links = re.findall(r"\]\(([^)]+)\)", PAGES[page])
    for target, _, anchor in (link.partition("#") for link in links if "://" not in link):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), f"{target}#{anchor}"


def named_paths(text):
    """Returns what a page names as a file or folder of the project, in backticks."""
    return re.findall(r"`((?:scanner|tests|docs|deploy|config|\.github|\.ci)/[\w./-]*)`", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page):
    # The code may be installed elsewhere: the gate runs these tests against the wheel.
    homes = {"scanner": Path(scanner.__file__).parent.parent}
    missing = [path for path in named_paths(PAGES[page]) if not (homes.get(path.split("/")[0], ROOT) / path).exists()]
    assert missing == []


def named_tests(page):
    """Yields for each line of a page the files of tests that it links to and the tests that it names."""
    for line in PAGES[page].splitlines():
        files = re.findall(r"\]\(\.\./(tests/[\w/]+\.py)\)", line)
        yield files, re.findall(r"`(test_\w+)`", line)


@pytest.mark.parametrize("page", ["docs/reliability.md", "docs/transport.md"])
def test_every_test_that_is_named_stands_in_a_file_that_its_line_links_to(page):
    rows = list(named_tests(page))
    assert sum(len(names) for _, names in rows) > 15
    for files, names in rows:
        defined = {name for file in files for name in re.findall(r"\bdef (test_\w+)", (ROOT / file).read_text())}
        assert set(names) <= defined, files


@pytest.mark.parametrize(
    ("page", "header"),
    [("docs/reliability.md", "promise"), ("docs/transport.md", "Safeguard of botocore and urllib3")],
)
def test_every_promise_and_every_safeguard_has_a_test(page, header):
    tables = PAGES[page].split(f"| {header} |")[1:]
    rows = [row for table in tables for row in table.split("\n\n", 1)[0].splitlines()[2:]]
    assert rows
    assert [row for row in rows if not re.search(r"\]\(\.\./tests/[\w/]+\.py\)", row)] == []


def test_the_architecture_shows_every_room():
    tree = re.search(r"^scanner/\n(.*?)^```", PAGES["ARCHITECTURE.md"], re.MULTILINE | re.DOTALL)[1]
    rooms = {path.parent.name for path in Path(scanner.__file__).parent.glob("*/__init__.py")}

    assert set(re.findall(r"^  (\w+)/", tree, re.MULTILINE)) == rooms


@pytest.mark.parametrize(
    "recipe",
    ["sink", "column", "table", "AWS call", "setting", "exit code", "report section", "fault of the simulator"],
)
def test_there_is_a_recipe_that_names_the_files_to_open(recipe):
    text = re.search(rf"^### An? {recipe}$(.*?)^(?:##|\Z)", PAGES["CONTRIBUTING.md"], re.MULTILINE | re.DOTALL)[1]
    assert named_paths(text)
