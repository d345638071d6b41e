"""The templates are valid, and Athena sees the columns that are written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from scanner.core.tables import TABLES
from scanner.sinks.parquet.partitions import Partition
from tests.deploy.templates import DEPLOY, TEMPLATES, parameters, resources

CFN_LINT = Path(sys.executable).with_name("cfn-lint")


def lint(*templates: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CFN_LINT, *templates], capture_output=True, text=True, check=False)


def test_the_linter_finds_nothing_in_the_templates():
    assert len(TEMPLATES) == 3
    found = lint(*TEMPLATES)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


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


def glue_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"array<{glue_type(kind.value_type)}>"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return {pa.string(): "string", pa.int64(): "bigint"}[kind]


def athena_table(name: str) -> dict:
    inputs = (resource["Properties"].get("TableInput", {}) for resource in resources("athena.yaml").values())
    return next(table for table in inputs if table.get("Name") == name)


@pytest.mark.parametrize("name", TABLES)
def test_athena_has_every_column_of_a_table_in_its_type(name):
    table = athena_table(name)
    columns = table["StorageDescriptor"]["Columns"] + table.get("PartitionKeys", [])
    assert {column["Name"]: column["Type"] for column in columns} == {
        field.name: glue_type(field.type) for field in TABLES[name]
    }
    assert len(columns) == len(TABLES[name])


@pytest.mark.parametrize("name", ["nodes", "patches"])
def test_athena_looks_where_the_sink_puts_the_rows_of_an_account_and_region(name):
    table = athena_table(name)
    values = {"account_id": "123456789012", "region": "eu-west-1"}
    # Without a template of its own, projection looks in LOCATION/KEY=VALUE/KEY=VALUE.
    folders = [f"{key['Name']}={values[key['Name']]}" for key in table["PartitionKeys"]]
    location = table["StorageDescriptor"]["Location"]["Fn::Sub"]
    assert location + "/".join(folders) == "${TablesLocation}/" + Partition(name, *values.values()).folder
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
