"""Scanned nodes as Arrow tables, however many rows they have."""

from __future__ import annotations

import pytest

from scanner.model import ManagedNode, NodeScan, NodeStatus, Patch, Target
from scanner.tables import NODES, PATCHES, ROWS_AT_ONCE, SEGMENT, batch_of, segment_table

TARGET = Target("111111111111", "eu-west-1")


def node(number, rows):
    patches = [
        Patch(f"kb-{number}-{row}", None, None, None, "MISSING", row, ("CVE-1",) * (row % 3)) for row in range(rows)
    ]
    return NodeScan(TARGET, ManagedNode(f"i-{number}"), None, NodeStatus.VERIFIED, None, patches, 1, 0, 0)


@pytest.mark.parametrize(
    "rows",
    [[], [0], [0, 0, 1], [ROWS_AT_ONCE], [ROWS_AT_ONCE - 1, 1, 0, 1], [3 * ROWS_AT_ONCE, 0, 7], [700] * 10],
    ids=str,
)
def test_every_patch_stays_with_its_node_in_its_order(rows):
    scans = [node(number, count) for number, count in enumerate(rows)]

    batch = batch_of(segment_table("s1", scans))

    assert (batch.nodes.schema, batch.patches.schema) == (NODES, PATCHES)
    assert batch.nodes.column("patch_rows").to_pylist() == rows
    expected = [(scan.node.instance_id, patch.kb_id, list(patch.cve_ids)) for scan in scans for patch in scan.patches]
    columns = (batch.patches.column(name).to_pylist() for name in ("instance_id", "kb_id", "cve_ids"))
    assert list(zip(*columns, strict=True)) == expected


def test_a_segment_table_has_its_schema_to_the_letter():
    table = segment_table("s1", [node(1, ROWS_AT_ONCE + 1), node(2, 1)])

    table.validate(full=True)
    assert table.schema == SEGMENT
