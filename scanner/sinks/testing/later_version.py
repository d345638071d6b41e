"""A later version of patchsweep, whose tables have more columns, to try a sink with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from msgspec import structs

from scanner.core.column import Column
from scanner.core.columns import DICTIONARY
from scanner.core.tables import TABLES
from scanner.sinks.testing.samples import SampleScan

if TYPE_CHECKING:
    import pytest


def add_column(monkeypatch: pytest.MonkeyPatch, table: str, column: Column) -> None:
    """Adds a column to a table of the data dictionary until the end of the test."""
    later = structs.replace(DICTIONARY[table], columns=(*DICTIONARY[table].columns, column))
    monkeypatch.setitem(DICTIONARY, table, later)
    monkeypatch.setitem(TABLES, table, later.schema)


def with_column(scan: SampleScan, name: str, value: str | bool) -> SampleScan:  # noqa: FBT001 - a value, no switch
    """Returns the scan with a column more in its `nodes`, of the same value in every row."""
    batches = [
        structs.replace(batch, nodes=batch.nodes.append_column(name, pa.array([value] * batch.nodes.num_rows)))
        for batch in scan.batches
    ]
    return structs.replace(scan, batches=batches)
