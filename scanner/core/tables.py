"""The tables as Arrow schemas, and the conversion of scanned nodes into them.

A *segment* table has one row for each node with its patches nested; a `NodeBatch` has the same rows as two flat tables.
Times are `timestamp[ms, UTC]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec
import pyarrow as pa

from scanner.core.column import TIME
from scanner.core.columns import DICTIONARY, NODE_KEY
from scanner.core.interfaces import NodeBatch, ScanSummary
from scanner.core.model import NodeScan, NodeStatus, PatchState, ScanRow, TargetOutcome, TargetStatus
from scanner.core.node_columns import INSTANCE_COLUMNS, PATCH_STATE_COLUMNS
from scanner.core.patch_rows import PatchRows
from scanner.core.patch_table import PATCH, in_words, listed

TABLES: dict[str, pa.Schema] = {name: table.schema for name, table in DICTIONARY.items()}
PATCHES, NODES, TARGETS, SCANS = (TABLES[name] for name in ("patches", "nodes", "targets", "scans"))
SEGMENT = NODES.append(pa.field("patches", pa.list_(pa.field("element", PATCH, nullable=False))))


def segment_table(scan_id: str, scans: Sequence[NodeScan]) -> pa.Table:
    """Returns one row for each node, its patches nested, in the order given."""
    nodes = [scan.node for scan in scans]
    no_state = PatchState("")
    states = [scan.state or no_state for scan in scans]
    columns: dict[str, Sequence[object] | pa.Array] = {
        "scan_id": [scan_id] * len(scans),
        "account_id": [scan.target.account_id for scan in scans],
        "region": [scan.target.region for scan in scans],
        "instance_id": [node.instance_id for node in nodes],
        "status": [scan.status.value for scan in scans],
        "reason": [scan.reason for scan in scans],
        **{column.name: [getattr(node, column.name) for node in nodes] for column in INSTANCE_COLUMNS},
        **{column.name: [getattr(state, column.name) for state in states] for column in PATCH_STATE_COLUMNS},
        "patch_rows": [len(scan.patches) for scan in scans],
        "pages": [scan.pages for scan in scans],
        "restarts": [scan.restarts for scan in scans],
        "scanned_at": [scan.scanned_at for scan in scans],
        "patches": _nested([scan.patches for scan in scans]),
    }
    return pa.table([_column(columns[field.name], field.type) for field in SEGMENT], schema=SEGMENT)


def _column(values: Sequence[object] | pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    # Epoch milliseconds are read as int64 and relabelled: pa.array would convert each to a datetime first.
    return pa.array(values, pa.int64()).cast(TIME) if kind == TIME else pa.array(values, kind)


def _nested(rows_by_node: Sequence[PatchRows]) -> pa.Array:
    offsets = pa.array(accumulate(map(len, rows_by_node), initial=0), pa.int32())
    rows = in_words(listed(rows_by_node))
    return pa.ListArray.from_arrays(offsets, rows, type=SEGMENT.field("patches").type)


def batch_of(segment: pa.Table) -> NodeBatch:
    """Returns the flat tables of a segment table."""
    segment = segment.combine_chunks()
    nested = segment.column("patches").combine_chunks()
    owners = nested.value_parent_indices() if len(nested) else pa.array([], pa.int64())
    keys = [segment.column(column.name).take(owners) for column in NODE_KEY]
    flat = nested.flatten() if len(nested) else pa.array([], PATCH)
    patches = pa.table([*keys, *flat.flatten()], schema=PATCHES)
    return NodeBatch(nodes=segment.select(NODES.names), patches=patches)


def summary_of(scan: ScanRow, outcomes: Iterable[TargetOutcome]) -> ScanSummary:
    """Returns the `targets` and `scans` tables of a finished scan."""
    rows = [
        {
            **msgspec.structs.asdict(outcome),
            "scan_id": scan.scan_id,
            "account_id": outcome.target.account_id,
            "account_name": outcome.target.account_name,
            "region": outcome.target.region,
            "status": outcome.status.value,
        }
        for outcome in outcomes
    ]
    columns = [_column([row[field.name] for row in rows], field.type) for field in TARGETS]
    return ScanSummary(scan=scan, targets=pa.table(columns, schema=TARGETS), scans=scans_table([scan]))


def scans_table(scans: Sequence[ScanRow]) -> pa.Table:
    """Returns the `scans` table of these scans, in the order given."""
    rows = [
        {
            **msgspec.structs.asdict(scan),
            "status": scan.status.value,
            "scope": msgspec.json.encode(scan.scope).decode(),
            **{f"nodes_{status}": scan.nodes.get(status, 0) for status in NodeStatus},
            **{f"targets_{status}": scan.targets.get(status, 0) for status in TargetStatus},
        }
        for scan in scans
    ]
    return pa.table([_column([row[field.name] for row in rows], field.type) for field in SCANS], schema=SCANS)
