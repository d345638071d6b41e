"""One segment seen against what earlier scans know: which rows lack a fix, which nodes were read, what can be told."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.chunks import single
from scanner.core.comparable import comparable_filters
from scanner.core.model import NodeStatus
from scanner.core.repeated import are_among, coded, few_texts
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES, NONCOMPLIANT_STATES, PENDING_REBOOT
from scanner.store.missing_since.history_file import NODE
from scanner.store.missing_since.known_nodes import KnownNodes
from scanner.store.missing_since.known_rows import DATES, OF_PATCH

#: A patch that such a node does not list is not lacking there: its rows agree with AWS's own counts.
TRUSTED = ("verified", "unchanged", "refreshed")
#: Members of a patch that are looked at, with the dates that a dated segment has.
PATCH_MEMBERS = ("kb_id", "title", "severity", "classification", "state", "missing_since", "package_missing_since")
#: Columns of a node that are looked at where a segment has its dates.
NODE_COLUMNS = (
    *NODE,
    "status",
    "scanned_at",
    "baseline_id",
    "patch_rows",
    "operation_end_time",
    "missing_count",
    "failed_count",
    "installed_pending_reboot_count",
    "installed_rejected_count",
    "reboot_pending_since",
)
_REJECTED = [state for state in NONCOMPLIANT_STATES if state not in LACKING_STATES]
_OF_ENTRY = (*OF_PATCH, *DATES, "history_since", "owner")
_WITH_ROWS = (*TRUSTED, NodeStatus.MISMATCHED.value)


class Filters(Struct, frozen=True):
    """The patch filters of a scan, as far as they decide what a reading can tell."""

    patches: PatchFilters

    @property
    def text(self) -> str:
        """Returns the filters as text that is the same for filters that list the same lacking patches."""
        return msgspec.json.encode(comparable_filters(self.patches)).decode()

    @property
    def tell_states(self) -> bool:
        """Returns whether a patch in any lacking state is listed, if its other members pass."""
        return not self.patches.states or set(LACKING_STATES) <= set(self.patches.states)

    @property
    def are_none(self) -> bool:
        """Returns whether every lacking patch is listed."""
        others = (self.patches.severities, self.patches.classifications, self.patches.kb_ids)
        return self.tell_states and not any(others)


class Reading(Struct, frozen=True):
    """A segment table with what is known of its nodes; of its patch rows only those that matter are looked at.

    `is_lacking` says of every patch row whether it lacks a fix. `lacking` has these rows, `counted` those that are
    non-compliant besides, both with `PATCH_MEMBERS`, texts as dictionaries, and the place of their node as `owner`.
    `numbers` and `facts` are those of `KnownNodes`, one for each node, `entries` what earlier scans saw lacking there.
    Of `lacking` and `entries`, `key` is the same for equal patches of a node and `package` for those of one KB id.

    Of each node: `is_trusted` is whether a patch that it does not list is not lacking, `is_latest` whether the scan has
    its rows and no other scan has read it later, `is_pending` whether a patch waits for a reboot, by its rows or by
    AWS's count.
    """

    segment: pa.Table
    filters: Filters
    is_lacking: pa.Array
    lacking: pa.Table
    counted: pa.Table
    numbers: pa.Array
    facts: pa.Table
    entries: pa.Table
    is_trusted: pa.Array
    is_latest: pa.Array
    is_pending: pa.Array

    def column(self, name: str) -> pa.Array:
        """Returns a column of the nodes."""
        return single(self.segment.column(name))

    def are_among(self, owners: pa.ChunkedArray) -> pa.Array:
        """Returns of each node whether its place is among these."""
        return _are_among(len(self.segment), owners)


def reading(segment: pa.Table, known: KnownNodes, patches: PatchFilters) -> Reading:
    """Returns a segment table with what earlier scans know of its nodes."""
    segment = segment.combine_chunks()
    nested = single(segment.column("patches"))
    rows = nested.flatten()
    is_lacking, is_rejected = (are_among(rows.field("state"), states) for states in (LACKING_STATES, _REJECTED))
    owners = nested.value_parent_indices()
    lacking, rejected = (_rows(rows, owners, pc.indices_nonzero(mask)) for mask in (is_lacking, is_rejected))
    numbers = known.numbers(segment)
    facts = known.facts(numbers)
    with_keys, entries = _with_keys(lacking, coded(known.entries(numbers).select(_OF_ENTRY)))
    return Reading(
        segment=segment,
        filters=Filters(patches),
        is_lacking=is_lacking,
        lacking=with_keys,
        counted=pa.concat_tables([lacking, rejected]).unify_dictionaries(),
        numbers=numbers,
        facts=facts,
        entries=entries,
        is_trusted=pc.is_in(single(segment.column("status")), pa.array(TRUSTED)),
        is_latest=_is_latest(segment, facts),
        is_pending=_is_pending(segment, lacking),
    )


def _is_latest(segment: pa.Table, facts: pa.Table) -> pa.Array:
    """Knows that a scan that is resumed may hold readings older than those of one that was committed meanwhile."""
    has_rows = pc.greater(single(segment.column("patch_rows")), 0)
    is_read = pc.or_(pc.is_in(single(segment.column("status")), pa.array(_WITH_ROWS)), has_rows)
    is_older = pc.less(single(segment.column("scanned_at")), single(facts.column("read_at")))
    return pc.and_(is_read, pc.invert(pc.fill_null(is_older, False)))


def _is_pending(segment: pa.Table, lacking: pa.Table) -> pa.Array:
    rows = lacking.filter(are_among(single(lacking.column("state")), [PENDING_REBOOT]))
    is_counted = pc.fill_null(pc.greater(single(segment.column("installed_pending_reboot_count")), 0), False)
    return pc.or_(_are_among(len(segment), rows.column("owner")), is_counted)


def _are_among(nodes: int, owners: pa.ChunkedArray) -> pa.Array:
    return pc.is_in(pa.array(range(nodes), pa.int64()), single(owners.unique()))


def _rows(rows: pa.StructArray, owners: pa.Array, at: pa.Array) -> pa.Table:
    members = {name: few_texts(rows.field(name).take(at)) for name in PATCH_MEMBERS}
    return pa.table({**members, "owner": owners.take(at).cast(pa.int64())})


def _with_keys(lacking: pa.Table, entries: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Returns both with `key`, the same for equal patches of a node, and `package`, for those of one KB id.

    They are numbers: as texts they took a third of what a segment takes here.
    """
    both = pa.concat_tables([rows.select(["owner", "kb_id", "title"]) for rows in (lacking, entries)])
    owner, kb_id, title = (single(column) for column in both.columns)
    package = numbered(owner, kb_id)
    both = pa.table({"key": numbered(package, title), "package": package})
    return _beside(lacking, both.slice(0, len(lacking))), _beside(entries, both.slice(len(lacking)))


def _beside(rows: pa.Table, keys: pa.Table) -> pa.Table:
    return pa.table([*rows.columns, *keys.columns], [*rows.column_names, *keys.column_names])


def numbered(numbers: pa.Array, texts: pa.DictionaryArray) -> pa.Array:
    """Returns the number of each pair of a number and a text: that of the text is its code, or for null the next one.

    `divmod` by one more than the texts of the dictionary gives both back.
    """
    size = len(texts.dictionary)
    codes = pc.fill_null(texts.indices, pa.scalar(size, pa.int32())).cast(pa.int64())
    return pc.add_checked(pc.multiply_checked(numbers, size + 1), codes)


def places(wanted: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.Array:
    """Returns where each value stands among others, null where it does not."""
    return pc.index_in(single(wanted), value_set=single(among))


def is_first(keys: pa.ChunkedArray) -> pa.Array:
    """Returns of each key whether none before it is the same."""
    at = places(keys, keys)
    return pc.equal(at, pa.array(range(len(at)), at.type))
