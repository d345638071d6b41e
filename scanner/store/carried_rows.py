"""Gives nodes of a new scan the patch rows that an earlier scan stored for them; pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single
from scanner.core.model import NodeStatus
from scanner.core.repeated import are_among
from scanner.core.tables import CODED_SEGMENT, coded_segment

NODE_KEY = ("account_id", "region", "instance_id")
PATCHES = CODED_SEGMENT.field("patches").type


def with_carried_rows(now: pa.Table, stored: pa.Table, carried: Sequence[str], left_out: Sequence[str]) -> pa.Table:
    """Returns the nodes of `now`, a segment table, with the rows that `stored` holds of them, before their own.

    Either may have texts or dictionaries; what is returned is a `CODED_SEGMENT`.

    The nodes come in the order in which they are stored.

    Of an unchanged node every stored row counts, save those of the states `left_out`; of another one those of the
    states `carried`. Each row keeps the date of the operation under which it was read. Every node has to be stored.
    """
    now, stored = _aligned(coded_segment(now).combine_chunks(), coded_segment(stored).combine_chunks())
    is_unchanged = pc.equal(single(now["status"]), NodeStatus.UNCHANGED.value)
    owners, rows = _stored_rows(stored, is_unchanged, carried, left_out)
    fresh = single(now["patches"])
    merged = _merged(len(now), owners, rows, fresh)
    columns = {
        "patches": merged,
        "patch_rows": _lengths(merged),
        "carried_rows": pc.subtract(_lengths(merged), _lengths(fresh)),
        "scanned_at": pc.if_else(is_unchanged, stored["scanned_at"], now["scanned_at"]),
        "installed_as_of": pc.coalesce(stored["installed_as_of"], stored["operation_end_time"]),
        "installed_read_at": pc.coalesce(stored["installed_read_at"], stored["scanned_at"]),
    }
    for name, values in columns.items():
        now = now.set_column(now.schema.get_field_index(name), CODED_SEGMENT.field(name), values)
    return now


def _aligned(now: pa.Table, stored: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Returns the nodes of `now` in the order of `stored`, and what that holds of them.

    Where all of a segment is wanted, which is the usual case, its rows are not copied: they are 20 MB and more.
    """
    places = {key: row for row, key in enumerate(_keys(stored))}
    wanted = pa.array([places[key] for key in _keys(now)], pa.int64())
    order = pc.sort_indices(wanted)
    if len(now) < len(stored):
        stored = stored.take(wanted.take(order))
    return now.take(order), stored.combine_chunks()


def without_carried_rows(now: pa.Table, reason: str) -> pa.Table:
    """Returns nodes whose stored rows cannot be read: failed, or with nothing but what was read now."""
    now = coded_segment(now)
    is_unchanged = pc.equal(now["status"], NodeStatus.UNCHANGED.value)
    text = f"its {{}} could not be carried over: {reason}; scan in full mode"
    columns = {
        "status": pc.if_else(is_unchanged, NodeStatus.FAILED.value, NodeStatus.MISMATCHED.value),
        "reason": pc.if_else(is_unchanged, text.format("rows"), text.format("installed patches")),
    }
    for name, values in columns.items():
        now = now.set_column(now.schema.get_field_index(name), CODED_SEGMENT.field(name), values)
    return now


def _keys(table: pa.Table) -> zip[tuple[str, ...]]:
    return zip(*(table.column(name).to_pylist() for name in NODE_KEY), strict=True)


def _stored_rows(
    stored: pa.Table, is_unchanged: pa.BooleanArray, carried: Sequence[str], left_out: Sequence[str]
) -> tuple[pa.Array, pa.StructArray]:
    """Returns the rows that are carried, each dated, and for each the place of its node."""
    patches = single(stored["patches"])
    owners, rows = patches.value_parent_indices(), patches.flatten()
    state = rows.field("state")
    is_kept = pc.if_else(
        is_unchanged.take(owners),
        pc.invert(are_among(state, left_out)),
        are_among(state, carried),
    )
    if not pc.all(is_kept).as_py():
        owners, rows = owners.filter(is_kept), rows.filter(is_kept)
    if not rows.field("as_of").null_count:
        return owners, rows
    # Scans from before there was a date hold only rows of the node's last operation.
    dates = pc.coalesce(rows.field("as_of"), single(stored["operation_end_time"]).take(owners))
    members = [dates if field.name == "as_of" else rows.field(field.name) for field in rows.type]
    return owners, pa.StructArray.from_arrays(members, fields=list(rows.type))


def _merged(nodes: int, owners: pa.Array, rows: pa.StructArray, fresh: pa.ListArray) -> pa.ListArray:
    """Returns the rows of each node: the carried ones, then its own."""
    if len(fresh.flatten()):
        owners = pa.concat_arrays([owners, fresh.value_parent_indices()])
        order = pc.sort_indices(owners)  # stable, so that each node keeps its rows in order
        owners, rows = owners.take(order), pa.concat_arrays([rows, fresh.flatten()]).take(order)
    counts = {each["values"]: each["counts"] for each in owners.value_counts().to_pylist()}
    offsets = pa.array(accumulate((counts.get(node, 0) for node in range(nodes)), initial=0), pa.int32())
    return pa.ListArray.from_arrays(offsets, rows, type=PATCHES)


def _lengths(patches: pa.ListArray) -> pa.Array:
    return pc.list_value_length(patches).cast(pa.int64())
