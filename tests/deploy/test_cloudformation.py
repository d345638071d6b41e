"""The templates are valid, and Athena sees the columns that are written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.core.columns import DICTIONARY
from scanner.sinks.parquet.layout import part_name
from tests.deploy.athena_template import glue_type
from tests.deploy.templates import DEPLOY, TEMPLATES, parameters, resources

CFN_LINT = Path(sys.executable).with_name("cfn-lint")


def lint(*templates: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CFN_LINT, *templates], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_linter_finds_nothing_in_the_templates():
    assert len(TEMPLATES) == 4
    found = lint(*TEMPLATES)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@pytest.mark.slow
def test_the_linter_would_find_a_misspelt_property(tmp_path):
    template = next(path for path in TEMPLATES if path.name == "member-role.yaml")
    broken = tmp_path / template.name
    broken.write_text(template.read_text().replace("RoleName: !Ref", "RollName: !Ref"))
    found = lint(broken)
    assert found.returncode != 0
    assert "RollName" in found.stdout


def test_the_scan_gets_the_two_minutes_that_fargate_grants_to_end():
    [container] = resources("hub.yaml")["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert container["StopTimeout"] == 120
    assert container["ReadonlyRootFilesystem"] is True


def athena_table(name: str) -> dict:
    inputs = (resource["Properties"].get("TableInput", {}) for resource in resources("athena.yaml").values())
    return next(table for table in inputs if table.get("Name") == name)


@pytest.mark.parametrize("name", DICTIONARY)
def test_athena_has_every_column_of_a_table_in_its_type_and_with_its_description(name):
    table = athena_table(name)
    columns = table["StorageDescriptor"]["Columns"]
    assert [(column["Name"], column["Type"], column["Comment"]) for column in columns] == [
        (column.name, glue_type(column.type), column.description) for column in DICTIONARY[name].columns
    ]
    assert table["Description"] == DICTIONARY[name].description


@pytest.mark.parametrize("name", DICTIONARY)
def test_athena_looks_where_the_sink_puts_the_rows_of_a_day_and_needs_no_list_of_accounts(name):
    table = athena_table(name)
    [key] = table["PartitionKeys"]
    # Without a template of its own, projection looks in LOCATION/KEY=VALUE.
    folder = f"{table['StorageDescriptor']['Location']['Fn::Sub']}{key['Name']}=2026-11-23"
    assert folder == "${TablesLocation}/" + part_name(name, 1_795_435_200_000, "s1", 0).rpartition("/")[0]
    assert table["Parameters"]["projection.scan_date.format"] == "yyyy-MM-dd"
    assert not {"AccountIds", "Regions"} & parameters("athena.yaml").keys()
    assert "storage.location.template" not in table["Parameters"]


def printed() -> dict[str, set[str]]:
    """The parameters that the README's command gives to each template."""
    text = (DEPLOY / "README.md").read_text()
    commands = re.findall(r"cloudformation/([\w-]+\.yaml) --param((?:.*\\\n)*.*)", text)
    return {template: set(re.findall(r"(?:ParameterKey=|(?<=\s))(\w+)[=,]", given)) for template, given in commands}


def test_every_template_has_a_printed_command():
    assert printed().keys() == {path.name for path in TEMPLATES}


@pytest.mark.parametrize("template", [path.name for path in TEMPLATES])
def test_the_printed_commands_give_a_template_what_it_takes_and_all_that_it_needs(template):
    declared = parameters(template)
    assert printed()[template] <= declared.keys()
    assert {name for name, parameter in declared.items() if "Default" not in parameter} <= printed()[template]
