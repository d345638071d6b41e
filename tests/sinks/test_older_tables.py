"""Which tables of a database are extended, and by what."""

from __future__ import annotations

import pytest

from scanner.core.columns import DICTIONARY
from scanner.sinks.older_tables import is_ours, missing_columns

RELEASED = {
    "patches": "scan_id account_id region instance_id kb_id title classification severity state installed_time cve_ids",
    "targets": "scan_id account_id account_name region status reason nodes patch_rows requests throttles retries "
    "started_at finished_at",
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_table_of_the_first_release_is_ours_and_lacks_what_came_since(name):
    table, existing = DICTIONARY[name], RELEASED[name].split()
    assert is_ours(table, existing)
    assert is_ours(table, [*existing, "a_column_of_the_user"])
    assert [column.name for column in missing_columns(table, existing)] == [
        column.name for column in table.columns if column.name not in existing
    ]


@pytest.mark.parametrize("existing", [[], ["scan_id"], ["scan_id", "number"], ["id", "status", "started_at"]])
def test_a_table_of_someone_else_is_not_ours(existing):
    assert not any(is_ours(table, existing) for table in DICTIONARY.values())
