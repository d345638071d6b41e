"""The four tables as Arrow: their columns and types, and the way from scanned nodes into them.

A *segment* table has one row a node with its patches nested; a `NodeBatch` is the same rows as the two flat tables.
Times are `timestamp[ms, UTC]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec
import pyarrow as pa

from scanner.core.interfaces import NodeBatch, ScanSummary
from scanner.core.model import (
    ManagedNode,
    NodeScan,
    NodeStatus,
    PatchRows,
    PatchState,
    ScanRow,
    TargetOutcome,
    TargetStatus,
)
from scanner.core.patch_table import PATCH, TIME, in_words, listed

_KEY = [("scan_id", pa.string()), ("account_id", pa.string()), ("region", pa.string()), ("instance_id", pa.string())]
_TIMES = {"last_ping_time", "operation_start_time", "operation_end_time"}

_NODE_FIELDS = [name for name in ManagedNode.__struct_fields__ if name != "instance_id"]
_STATE_FIELDS = [name for name in PatchState.__struct_fields__ if name != "instance_id"]


def _type_of(name: str) -> pa.DataType:
    if name in _TIMES:
        return TIME
    return pa.int64() if name.endswith("_count") else pa.string()


PATCHES = pa.schema([*_KEY, *PATCH])
NODES = pa.schema(
    [
        *_KEY,
        ("status", pa.string()),
        ("reason", pa.string()),
        *((name, _type_of(name)) for name in _NODE_FIELDS),
        *((name, _type_of(name)) for name in _STATE_FIELDS),
        ("patch_rows", pa.int64()),
        ("pages", pa.int64()),
        ("restarts", pa.int64()),
        ("scanned_at", TIME),
    ]
)
SEGMENT = NODES.append(pa.field("patches", pa.list_(pa.field("element", PATCH, nullable=False))))
TARGETS = pa.schema(
    [
        ("scan_id", pa.string()),
        ("account_id", pa.string()),
        ("account_name", pa.string()),
        ("region", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("nodes", pa.int64()),
        ("patch_rows", pa.int64()),
        ("requests", pa.int64()),
        ("throttles", pa.int64()),
        ("retries", pa.int64()),
        ("started_at", TIME),
        ("finished_at", TIME),
    ]
)
SCANS = pa.schema(
    [
        ("scan_id", pa.string()),
        ("status", pa.string()),
        ("started_at", TIME),
        ("finished_at", TIME),
        ("mode", pa.string()),
        ("states", pa.list_(pa.string())),
        ("scope", pa.string()),
        *((f"nodes_{status}", pa.int64()) for status in NodeStatus),
        *((f"targets_{status}", pa.int64()) for status in TargetStatus),
        ("patch_rows", pa.int64()),
        ("requests", pa.int64()),
        ("throttles", pa.int64()),
        ("version", pa.string()),
    ]
)
TABLES: dict[str, pa.Schema] = {"patches": PATCHES, "nodes": NODES, "targets": TARGETS, "scans": SCANS}


def segment_table(scan_id: str, scans: Sequence[NodeScan]) -> pa.Table:
    """One row a node, its patches nested, in the order given."""
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
        **{name: [getattr(node, name) for node in nodes] for name in _NODE_FIELDS},
        **{name: [getattr(state, name) for state in states] for name in _STATE_FIELDS},
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
    # A NumPy-free detour: Arrow takes epoch milliseconds as int64 and then only relabels them.
    return pa.array(values, pa.int64()).cast(TIME) if kind == TIME else pa.array(values, kind)


def _nested(rows_by_node: Sequence[PatchRows]) -> pa.Array:
    offsets = pa.array(accumulate(map(len, rows_by_node), initial=0), pa.int32())
    rows = in_words(listed(rows_by_node))
    return pa.ListArray.from_arrays(offsets, rows, type=SEGMENT.field("patches").type)


def batch_of(segment: pa.Table) -> NodeBatch:
    """The flat tables of a segment table."""
    segment = segment.combine_chunks()
    nested = segment.column("patches").combine_chunks()
    owners = nested.value_parent_indices() if len(nested) else pa.array([], pa.int64())
    keys = [segment.column(name).take(owners) for name, _ in _KEY]
    flat = nested.flatten() if len(nested) else pa.array([], PATCH)
    patches = pa.table([*keys, *flat.flatten()], schema=PATCHES)
    return NodeBatch(nodes=segment.select(NODES.names), patches=patches)


def summary_of(scan: ScanRow, outcomes: Iterable[TargetOutcome]) -> ScanSummary:
    """The `targets` and `scans` tables of a finished scan."""
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
    """The `scans` table of these scans, in the order given."""
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
