"""What a segment adds to the history: which patches of its nodes are lacking from now on, and which no longer are."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from scanner.core.chunks import single
from scanner.core.column import TIME
from scanner.core.repeated import few_texts
from scanner.store.missing_since.baseline_changes import baseline_facts
from scanner.store.missing_since.history_file import HISTORY, IN_MEMORY, NODE
from scanner.store.missing_since.reading import Reading, is_first, places

_OF_PATCH = ("kb_id", "title", "severity", "classification", "state")
_DATES = ("missing_since", "package_missing_since")
_KEYS = ("owner", "key", "package")


def advanced(dated: Reading) -> tuple[pa.Table, pa.Table]:
    """Returns the history rows of the nodes of which a dated segment has the latest reading, and what it closed.

    A patch leaves the history when a reading that would have listed it, and whose rows can be trusted, does not. Where
    the filters left out a state that it may be in by now, it becomes doubtful; otherwise it stays as it was.
    """
    lacking = _own_entries(dated)
    entries = dated.entries
    is_absent = pc.is_null(places(entries.column("key"), lacking.column("key")))
    is_closed = pc.and_(is_absent, _would_list_any_state(dated))
    is_doubtful = pc.and_(is_absent, _would_list_same_state(dated))
    place = entries.schema.get_field_index("is_doubtful")
    marked = entries.set_column(
        place, HISTORY.field("is_doubtful"), pc.or_(pc.fill_null(entries.column("is_doubtful"), False), is_doubtful)
    )
    kept = marked.filter(pc.and_(is_absent, pc.invert(is_closed))).select([*_OF_PATCH, *_DATES, "is_doubtful", *_KEYS])
    return _with_nodes(dated, pa.concat_tables([lacking, kept])), _closed_packages(
        dated, entries.filter(is_closed), [lacking, kept]
    )


def _own_entries(dated: Reading) -> pa.Table:
    """Returns the lacking patches of a segment, each once; one of unknown beginning begins with this reading."""
    rows = dated.lacking
    owners = rows.column("owner")
    missing = pc.coalesce(rows.column("missing_since"), dated.column("scanned_at").take(owners))
    columns = {name: rows.column(name) for name in _OF_PATCH}
    columns["missing_since"] = missing
    columns["package_missing_since"] = pc.coalesce(rows.column("package_missing_since"), missing)
    columns["is_doubtful"] = pa.repeat(pa.scalar(value=False), len(rows))
    table = pa.table({**columns, **{name: rows.column(name) for name in _KEYS}})
    return table.filter(pc.and_(dated.is_latest.take(owners), is_first(rows.column("key"))))


def _passes(dated: Reading) -> pa.Array:
    """Returns of each entry whether its node's latest reading would list it by its filters, whatever its state."""
    patches, entries = dated.filters.patches, dated.entries
    passes = pc.and_(dated.is_trusted, dated.is_latest).take(entries.column("owner"))
    for wanted, name in (
        (patches.severities, "severity"),
        (patches.classifications, "classification"),
        (patches.kb_ids, "kb_id"),
    ):
        if wanted:
            passes = pc.and_(passes, pc.is_in(entries.column(name), pa.array(wanted)))
    return passes


def _would_list_any_state(dated: Reading) -> pa.Array:
    return _passes(dated) if dated.filters.tell_states else pa.repeat(pa.scalar(value=False), len(dated.entries))


def _would_list_same_state(dated: Reading) -> pa.Array:
    if dated.filters.tell_states:
        return pa.repeat(pa.scalar(value=False), len(dated.entries))
    return pc.and_(_passes(dated), pc.is_in(dated.entries.column("state"), pa.array(dated.filters.patches.states)))


def _with_nodes(dated: Reading, entries: pa.Table) -> pa.Table:
    """Returns `IN_MEMORY` rows: the entries of each node with its latest reading here, or one row without a patch."""
    read = pc.indices_nonzero(dated.is_latest).cast(pa.int64())
    bare = read.filter(pc.invert(pc.is_in(read, single(entries.column("owner")))))
    entries = entries.drop_columns(["key", "package"])
    empty = {name: pa.nulls(len(bare), entries.schema.field(name).type) for name in entries.column_names[:-1]}
    everything = pa.concat_tables([entries, pa.table({**empty, "owner": bare}, entries.schema)]).unify_dictionaries()
    everything = everything.filter(dated.is_latest.take(everything.column("owner"))).sort_by("owner")
    owners = single(everything.column("owner"))
    columns = {**{name: dated.column(name) for name in NODE}, **_node_facts(dated)}
    nodes = {name: few_texts(single(values)).take(owners) for name, values in columns.items()}
    return pa.table(
        [{**nodes, **{name: everything.column(name) for name in everything.column_names}}[f.name] for f in IN_MEMORY],
        IN_MEMORY,
    )


def _node_facts(dated: Reading) -> dict[str, pa.Array]:
    facts, read_at, is_trusted = dated.facts, dated.column("scanned_at"), dated.is_trusted
    pending = pc.coalesce(dated.column("reboot_pending_since"), read_at)
    was_whole = pc.fill_null(facts.column("was_read_whole"), False)
    return {
        "history_since": pc.coalesce(facts.column("history_since"), read_at),
        "read_at": read_at,
        "filters": pc.if_else(is_trusted, dated.filters.text, facts.column("filters")),
        "was_read_whole": pc.or_(was_whole, is_trusted) if dated.filters.are_none else was_whole,
        "reboot_pending_since": pc.if_else(dated.is_pending, pending, pa.scalar(None, TIME)),
        **baseline_facts(dated),
    }


def _closed_packages(dated: Reading, closed: pa.Table, remaining: list[pa.Table]) -> pa.Table:
    """Returns what of the closed entries closes a package, once for each: no other version of it is lacking.

    The columns are `severity`, `since`, `until` and `history_since`.
    """
    rest = pa.concat_tables(remaining)
    closed = closed.filter(pc.invert(pc.fill_null(closed.column("is_doubtful"), False)))
    package = closed.column("package")
    is_last = pc.is_null(places(package, rest.column("package")))
    closed = closed.filter(pc.and_(is_last, is_first(package)))
    owners = closed.column("owner")
    return pa.table(
        {
            "severity": closed.column("severity").cast(pa.string()),
            "since": closed.column("package_missing_since"),
            "until": dated.column("scanned_at").take(owners),
            "history_since": closed.column("history_since"),
        }
    )
