"""Finds the node gaps of a scan in its stored rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.model import NodeStatus, Target
from scanner.reports.scan_result import NodeGap, NodeGaps
from scanner.reports.statuses import node_gaps, values

GAP_COLUMNS = ("account_id", "region", "instance_id", "status", "reason")


def add_gaps(gaps: NodeGaps, nodes: pa.Table) -> None:
    """Adds the gaps among the rows of a `nodes` table, of which `GAP_COLUMNS` are looked at."""
    rows = nodes.select(GAP_COLUMNS).filter(pc.is_in(nodes.column("status"), pa.array(values(node_gaps(gaps.scope)))))
    for row in rows.to_pylist():
        target = Target(row["account_id"], row["region"])
        gaps.add(NodeGap(target, row["instance_id"], NodeStatus(row["status"]), row["reason"]))
