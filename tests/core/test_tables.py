"""Scanned nodes as Arrow tables, however many rows they have."""

from __future__ import annotations

import pytest

from scanner.core.model import ManagedNode, NodeScan, NodeStatus, Target
from scanner.core.patch_rows import Patch, patch_rows_of
from scanner.core.tables import NODES, PATCHES, SEGMENT, batch_of, segment_table

TARGET = Target("111111111111", "eu-west-1")
CVES = ("CVE-1", "CVE-2")


def node(number, rows):
    patches = [
        Patch(f"kb-{number}-{row}", state="Missing", installed_time=row, cve_ids=",".join(CVES[: row % 3]))
        for row in range(rows)
    ]
    return NodeScan(
        TARGET, ManagedNode(f"i-{number}"), None, NodeStatus.VERIFIED, None, patch_rows_of(patches), 1, 0, 0
    )


@pytest.mark.parametrize(
    "rows",
    [[], [0], [0, 0, 1], [2_000], [1_999, 1, 0, 1], [6_000, 0, 7], [700] * 10, [0, 3, 0]],
    ids=str,
)
def test_every_patch_stays_with_its_node_in_its_order(rows):
    scans = [node(number, count) for number, count in enumerate(rows)]

    batch = batch_of(segment_table("s1", scans))

    assert (batch.nodes.schema, batch.patches.schema) == (NODES, PATCHES)
    assert batch.nodes.column("patch_rows").to_pylist() == rows
    expected = [
        (f"i-{number}", f"kb-{number}-{row}", list(CVES[: row % 3]))
        for number, count in enumerate(rows)
        for row in range(count)
    ]
    columns = (batch.patches.column(name).to_pylist() for name in ("instance_id", "kb_id", "cve_ids"))
    assert list(zip(*columns, strict=True)) == expected


def test_a_segment_table_has_its_schema_to_the_letter():
    table = segment_table("s1", [node(1, 2_001), node(2, 1)])

    table.validate(full=True)
    assert table.schema == SEGMENT
