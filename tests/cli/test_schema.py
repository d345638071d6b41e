"""The data dictionary on the command line."""

from __future__ import annotations

import json

from scanner.core.columns import DICTIONARY
from scanner.core.tables import TABLES
from tests.cli.running import run


def test_schema_as_json_has_every_column_with_its_type_and_meaning():
    ended = run("schema", "--format", "json")

    document = json.loads(ended.stdout)
    assert ended.code == 0
    assert document["schema_version"] == 1
    assert {table["name"]: [column["name"] for column in table["columns"]] for table in document["tables"]} == {
        name: schema.names for name, schema in TABLES.items()
    }
    [account] = [column for column in document["tables"][0]["columns"] if column["name"] == "account_id"]
    assert account == {
        "name": "account_id",
        "type": "string",
        "nullable": True,
        "description": "AWS account id: twelve digits as text, because it may begin with zeros.",
    }


def test_schema_as_text_has_a_line_for_every_column():
    ended = run("schema")

    assert ended.code == 0
    for table in DICTIONARY.values():
        assert f"{table.name}: {table.description}" in ended.stdout
        assert all(column.description in ended.stdout for column in table.columns)
