"""A scan is removed from a database, and no other."""

from __future__ import annotations

import pytest

from scanner.core.tables import TABLES
from scanner.sinks.testing.samples import awkward_scan
from tests.sinks.postgresql.publishing import make, publish, rows

pytestmark = pytest.mark.slow


async def test_a_scan_is_removed_from_every_table_and_the_others_stay(database):
    for scan_id in ("s1", "s2"):
        await publish(database, awkward_scan(scan_id))
    sink = make(database, "s1")
    await sink.forget()
    await sink.aclose()

    for table in TABLES:
        assert rows(database, f"SELECT DISTINCT scan_id FROM {table} WHERE scan_id <> 's2'") == []
    assert rows(database, "SELECT scan_id FROM scans") == [("s2",)]


async def test_forgetting_in_an_empty_database_is_no_error(database):
    sink = make(database, "s1")
    await sink.forget()
    await sink.aclose()

    assert rows(database, "SELECT count(*) FROM scans") == [(0,)]
