"""The tables as Arrow schemas, and the conversion of scanned nodes into them.

A *segment* table has one row for each node with its patches and tags nested; a `NodeBatch` has the same rows as flat
tables. The store keeps a segment as two files: its nodes (`NODES_FILE`) and its patches, flat. A *target file* has one
row for each target with its baselines nested. Times are `timestamp[ms, UTC]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec
import pyarrow as pa

from scanner.core.baseline_rows import baseline_row
from scanner.core.chunks import single
from scanner.core.column import TIME, Column
from scanner.core.columns import (
    AS_OF,
    BASELINE_COLUMNS,
    DICTIONARY,
    NODE_HISTORY_COLUMNS,
    NODE_KEY,
    PATCH_COLUMNS,
    PATCH_HISTORY_COLUMNS,
    TAG_COLUMNS,
    TARGET_KEY,
)
from scanner.core.instances import Instance, Tags
from scanner.core.interfaces import NodeBatch, ScanSummary
from scanner.core.model import EpochMs, NodeScan, NodeStatus, PatchState, ScanRow, Scope, TargetOutcome, TargetStatus
from scanner.core.node_columns import EC2_COLUMNS, INSTANCE_COLUMNS, PATCH_STATE_COLUMNS
from scanner.core.patch_rows import PatchRows
from scanner.core.patch_table import in_words, listed
from scanner.core.repeated import coded_struct, coded_type, is_coded, plain, repeated

TABLES: dict[str, pa.Schema] = {name: table.schema for name, table in DICTIONARY.items()}
#: "patches, nodes, … and scans", for sentences that name every table.
TABLE_NAMES = f"{', '.join([*TABLES][:-1])} and {[*TABLES][-1]}"
PATCHES, NODES, TAGS = (TABLES[name] for name in ("patches", "nodes", "tags"))
TARGETS, BASELINES, SCANS = (TABLES[name] for name in ("targets", "baselines", "scans"))
#: A patch as a segment holds it: what AWS lists, and what the history of the store adds.
STORED_PATCH = pa.struct([column.field for column in (*PATCH_COLUMNS, AS_OF, *PATCH_HISTORY_COLUMNS)])
TAG = pa.struct([column.field for column in TAG_COLUMNS])
BASELINE = pa.struct([column.field for column in BASELINE_COLUMNS])


_WHOLE = NodeStatus.VERIFIED  # the one status of a node all of whose rows belong to its last patching operation
_LATER_SCOPE_MEMBERS = ("ous", "excluded_ous", "are_unmanaged_gaps")


def _nested_field(name: str, row: pa.StructType) -> pa.Field:
    return pa.field(name, pa.list_(pa.field("element", row, nullable=False)))


NODES_FILE = NODES.append(_nested_field("tags", TAG))
SEGMENT = NODES.append(_nested_field("patches", STORED_PATCH)).append(NODES_FILE.field("tags"))
#: The same with the texts of patches as dictionaries: a row takes 60 bytes then, not 180.
CODED_SEGMENT = SEGMENT.set(SEGMENT.get_field_index("patches"), _nested_field("patches", coded_struct(STORED_PATCH)))
TARGET_FILE = TARGETS.append(_nested_field("baselines", BASELINE))


def segment_table(scan_id: str, scans: Sequence[NodeScan]) -> pa.Table:
    """Returns one row for each node, its patches and tags nested, in the order given; what history adds is null."""
    return plain_segment(coded_segment_table(scan_id, scans))


def coded_segment_table(scan_id: str, scans: Sequence[NodeScan]) -> pa.Table:
    """Returns the same as `CODED_SEGMENT`, which is what AWS's pages become: texts in full are made from it."""
    nodes = [scan.node for scan in scans]
    no_state, no_instance = PatchState(""), Instance("")
    states = [scan.state or no_state for scan in scans]
    instances = [scan.instance or no_instance for scan in scans]
    read = list(zip(scans, states, strict=True))
    columns: dict[str, Sequence[object] | pa.Array] = {
        "scan_id": [scan_id] * len(scans),
        "account_id": [scan.target.account_id for scan in scans],
        "region": [scan.target.region for scan in scans],
        "instance_id": [node.instance_id for node in nodes],
        "status": [scan.status.value for scan in scans],
        "reason": [scan.reason for scan in scans],
        "account_name": [scan.target.account_name for scan in scans],
        **{column.name: [getattr(each, field) for each in instances] for column, field in EC2_COLUMNS},
        **{column.name: [getattr(node, column.name) for node in nodes] for column in INSTANCE_COLUMNS},
        **{column.name: [getattr(state, column.name) for state in states] for column in PATCH_STATE_COLUMNS},
        "patch_rows": [len(scan.patches) for scan in scans],
        "pages": [scan.pages for scan in scans],
        "restarts": [scan.restarts for scan in scans],
        "scanned_at": [scan.scanned_at for scan in scans],
        **{column.name: pa.nulls(len(scans), column.type) for column in NODE_HISTORY_COLUMNS},
        "installed_as_of": [state.operation_end_time if scan.status is _WHOLE else None for scan, state in read],
        "installed_read_at": [scan.scanned_at if scan.status is _WHOLE else None for scan in scans],
        "carried_rows": [0] * len(scans),
        "patches": _nested_patches([scan.patches for scan in scans], [state.operation_end_time for state in states]),
        "tags": _nested_tags([scan.tags for scan in scans]),
    }
    return pa.table([_column(columns[field.name], field.type) for field in CODED_SEGMENT], schema=CODED_SEGMENT)


def coded_segment(table: pa.Table) -> pa.Table:
    """Returns a segment table as `CODED_SEGMENT`."""
    return table if table.schema.equals(CODED_SEGMENT) else table.cast(CODED_SEGMENT)


def plain_segment(table: pa.Table) -> pa.Table:
    """Returns a segment table as `SEGMENT`."""
    return table if table.schema.equals(SEGMENT) else table.cast(SEGMENT)


def _column(values: Sequence[object] | pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    # Epoch milliseconds are read as int64 and relabelled: pa.array would convert each to a datetime first.
    return pa.array(values, pa.int64()).cast(TIME) if kind == TIME else pa.array(values, kind)


def _nested_patches(rows_by_node: Sequence[PatchRows], as_of: Sequence[EpochMs | None]) -> pa.Array:
    offsets = pa.array(accumulate(map(len, rows_by_node), initial=0), pa.int32())
    listed_rows = in_words(listed(rows_by_node))
    owners = pa.ListArray.from_arrays(offsets, listed_rows).value_parent_indices()
    dates = pa.array(as_of, pa.int64()).cast(TIME).take(owners)
    unknown = [pa.nulls(len(listed_rows), TIME)] * len(PATCH_HISTORY_COLUMNS)  # all are times: one buffer for them
    kind = CODED_SEGMENT.field("patches").type
    rows = pa.StructArray.from_arrays([*listed_rows.flatten(), dates, *unknown], fields=list(kind.value_type))
    return pa.ListArray.from_arrays(offsets, rows, type=kind)


def _nested_tags(tags_by_node: Sequence[Tags]) -> pa.Array:
    offsets = pa.array(accumulate(map(len, tags_by_node), initial=0), pa.int32())
    rows = [tag for tags in tags_by_node for tag in tags]
    keys, values = ([tag[place] for tag in rows] for place in (0, 1))
    pairs = pa.StructArray.from_arrays([pa.array(keys, pa.string()), pa.array(values, pa.string())], fields=list(TAG))
    return pa.ListArray.from_arrays(offsets, pairs, type=SEGMENT.field("tags").type)


def batch_of(segment: pa.Table) -> NodeBatch:
    """Returns the flat tables of a segment table; where it has texts of patches as dictionaries, they have all."""
    segment = segment.combine_chunks()
    return NodeBatch(
        nodes=segment.select(NODES.names),
        patches=_flat(segment, "patches", NODE_KEY, PATCHES),
        tags=_flat(segment, "tags", NODE_KEY, TAGS),
    )


def part_of_batch(part: pa.Table, patches: Sequence[str]) -> NodeBatch:
    """Returns the flat tables of a part of a segment: some columns of nodes, these members of nested patches, no tags.

    The rows of patches have the account besides.
    """
    nested = single(part.column("patches"))
    account_ids = part.column("account_id").take(nested.value_parent_indices())
    rows = nested.flatten()
    return NodeBatch(
        nodes=part.drop_columns(["patches"]),
        patches=pa.table([account_ids, *(rows.field(name) for name in patches)], ["account_id", *patches]),
        tags=TAGS.empty_table(),
    )


def _flat(table: pa.Table, nested_name: str, key: Sequence[Column], schema: pa.Schema) -> pa.Table:
    """Returns the rows of a nested column, each with the key of the row that holds it."""
    nested = single(table.column(nested_name))
    if not len(nested):
        return schema.empty_table()
    owners, rows = nested.value_parent_indices(), nested.flatten()
    if is_coded(rows.type):
        schema = pa.schema([field.with_type(coded_type(field.type)) for field in schema])
        keys = [repeated(table.column(column.name), owners) for column in key]
    else:
        keys = [table.column(column.name).take(owners) for column in key]
    return pa.table([*keys, *rows.flatten()], schema=schema)


def plain_batch(batch: NodeBatch) -> NodeBatch:
    """Returns the batch with the texts of patches as texts, if they are dictionaries."""
    return msgspec.structs.replace(batch, patches=plain(batch.patches))


def target_file_table(scan_id: str, outcomes: Iterable[TargetOutcome]) -> pa.Table:
    """Returns one row for each target, its baselines nested, in the order given."""
    rows = [
        {
            **msgspec.structs.asdict(outcome),
            "scan_id": scan_id,
            "account_id": outcome.target.account_id,
            "account_name": outcome.target.account_name,
            "ou_path": outcome.target.ou_path,
            "region": outcome.target.region,
            "status": outcome.status.value,
            "not_asked": "; ".join(outcome.not_asked) or None,
            "baselines": [baseline_row(baseline) for baseline in outcome.baselines],
        }
        for outcome in outcomes
    ]
    return pa.table([_column([row[field.name] for row in rows], field.type) for field in TARGET_FILE], TARGET_FILE)


def summary_of(scan: ScanRow, target_file: pa.Table) -> ScanSummary:
    """Returns the flat tables of a finished scan, whose target file this is."""
    target_file = target_file.combine_chunks()
    return ScanSummary(
        scan=scan,
        targets=target_file.select(TARGETS.names),
        baselines=_flat(target_file, "baselines", TARGET_KEY, BASELINES),
        scans=scans_table([scan]),
    )


def scans_table(scans: Sequence[ScanRow]) -> pa.Table:
    """Returns the `scans` table of these scans, in the order given."""
    rows = [
        {
            **msgspec.structs.asdict(scan),
            "status": scan.status.value,
            "scope": _scope_json(scan.scope),
            **{f"nodes_{status}": scan.nodes.get(status, 0) for status in NodeStatus},
            **{f"targets_{status}": scan.targets.get(status, 0) for status in TargetStatus},
        }
        for scan in scans
    ]
    return pa.table([_column([row[field.name] for row in rows], field.type) for field in SCANS], schema=SCANS)


def _scope_json(scope: Scope) -> str:
    """Returns the scope as the first release wrote it; members that came later stand in it only where they are set."""
    members = msgspec.structs.asdict(scope)
    unset = [name for name in _LATER_SCOPE_MEMBERS if not members[name]]
    return msgspec.json.encode({name: value for name, value in members.items() if name not in unset}).decode()
