"""The data dictionary covers what is delivered, in descriptions that people can read."""

from __future__ import annotations

import re

import pytest

from scanner.core.columns import DICTIONARY
from scanner.core.model import ManagedNode, PatchState
from scanner.core.node_columns import INSTANCE_COLUMNS, PATCH_STATE_COLUMNS
from scanner.core.tables import TABLES

COLUMNS = [(table.name, column) for table in DICTIONARY.values() for column in table.columns]


def test_every_field_of_a_node_and_its_patch_state_has_its_column():
    for fields, columns in ((ManagedNode, INSTANCE_COLUMNS), (PatchState, PATCH_STATE_COLUMNS)):
        assert [column.name for column in columns] == [
            name for name in fields.__struct_fields__ if name != "instance_id"
        ]


def test_the_schemas_have_the_columns_of_the_dictionary_each_once():
    for name, table in DICTIONARY.items():
        names = [column.name for column in table.columns]
        assert names == TABLES[name].names
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda part: getattr(part, "name", part))
def test_every_description_is_one_line_that_ends_as_a_sentence(table, column):
    assert re.fullmatch(r"[^\n|\"]{10,250}\.", column.description)
    assert column.description.isascii(), "a database in another encoding takes it as a comment too"


def test_no_description_says_the_same_as_another_of_its_table():
    for table in DICTIONARY.values():
        descriptions = [column.description for column in table.columns]
        assert len(set(descriptions)) == len(descriptions)
