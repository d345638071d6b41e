"""Writes into a segment table since when its patches are lacking and its nodes wait for a reboot."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import structs

from scanner.core.chunks import single
from scanner.core.column import TIME
from scanner.store.missing_since.reading import Reading, places


def dated(seen: Reading) -> Reading:
    """Returns the reading with the columns that only earlier scans can fill.

    A patch that an earlier scan saw lacking keeps its time. One that is lacking for the first time has the time of
    this reading if the node was read before by a scan that would have listed it, and null otherwise.
    """
    dates = _since(seen)
    nested = seen.column("patches")
    rows = nested.flatten()
    members = {field.name: rows.field(field.name) for field in rows.type}
    lacking, unknown = seen.lacking, pa.nulls(len(rows), TIME)
    for name, values in dates.items():
        members[name] = pc.replace_with_mask(unknown, seen.is_lacking, values)
        lacking = lacking.set_column(lacking.column_names.index(name), name, values)
    patches = pa.ListArray.from_arrays(
        pc.subtract(nested.offsets, nested.offsets[0]),
        pa.StructArray.from_arrays(list(members.values()), fields=list(rows.type)),
        type=nested.type,
    )
    table = seen.segment
    for name, values in (
        ("patches", patches),
        ("history_since", seen.facts.column("history_since")),
        ("reboot_pending_since", _pending_since(seen)),
    ):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), values)
    return structs.replace(seen, segment=table, lacking=lacking)


def _since(seen: Reading) -> dict[str, pa.Array]:
    """Returns `missing_since` and `package_missing_since` of the rows that lack a fix."""
    entries, package = seen.entries, seen.lacking.column("package")
    now = pc.if_else(_can_tell(seen), seen.column("scanned_at"), None).take(seen.lacking.column("owner"))
    is_firm = pc.invert(pc.fill_null(entries.column("is_doubtful"), False))
    known_since = pc.if_else(is_firm, entries.column("missing_since"), None)
    at = places(seen.lacking.column("key"), entries.column("key"))
    firm = entries.filter(is_firm)
    package_at = places(package, firm.column("package"))
    doubtful_at = places(package, entries.column("package")) if len(firm) < len(entries) else package_at
    first = pc.if_else(pc.is_valid(doubtful_at), None, now)
    of_package = pc.if_else(pc.is_valid(package_at), firm.column("package_missing_since").take(package_at), first)
    return {
        "missing_since": _array(pc.if_else(pc.is_valid(at), known_since.take(at), now)),
        "package_missing_since": _array(of_package),
    }


def _can_tell(seen: Reading) -> pa.Array:
    """Returns of each node whether an earlier reading would have listed whatever this one lists as lacking."""
    whole = pc.fill_null(seen.facts.column("was_read_whole"), False)
    same = pc.fill_null(pc.equal(seen.facts.column("filters"), seen.filters.text), False)
    return _array(pc.or_(whole, same) if seen.filters.tell_states else whole)


def _pending_since(seen: Reading) -> pa.Array:
    """Returns since when each node waits for a reboot; null where none is pending or nothing tells.

    AWS names the last installation without a reboot. It counts where no earlier scan saw a reboot pending, and only
    if it came after the node was last seen without one: an older one was followed by a reboot.
    """
    read_before = seen.facts.column("read_at")
    installed = seen.column("last_no_reboot_install_time")
    is_later = pc.fill_null(pc.greater(installed, read_before), pc.is_null(read_before))
    first_seen = pc.if_else(pc.is_valid(read_before), seen.column("scanned_at"), None)
    begun = pc.coalesce(seen.facts.column("reboot_pending_since"), pc.if_else(is_later, installed, None), first_seen)
    return _array(pc.if_else(seen.is_pending, begun, None))


def _array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    array = single(values)
    return array.cast(TIME) if pa.types.is_null(array.type) else array
