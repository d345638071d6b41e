"""One segment seen against what earlier scans know: which rows lack a fix, which nodes were read, what can be told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from scanner.core.model import NodeStatus
from scanner.core.scan_request import PatchFilters
from scanner.core.state_names import LACKING_STATES, PENDING_REBOOT
from scanner.store.missing_since.known_nodes import KnownNodes

#: A patch that such a node does not list is not lacking there: its rows agree with AWS's own counts.
TRUSTED = ("verified", "unchanged", "refreshed")
_WITH_ROWS = (*TRUSTED, NodeStatus.MISMATCHED.value)


class Filters(Struct, frozen=True):
    """The patch filters of a scan, as far as they decide what a reading can tell."""

    patches: PatchFilters

    @property
    def text(self) -> str:
        """Returns the filters as text that is the same for the same filters."""
        return msgspec.json.encode(self.patches).decode()

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
    """A segment table with what is known of its nodes.

    `rows` are the patch rows of all nodes, `all_owners` the place of the node of each. `lacking` has the places of the
    rows that lack a fix, `owners` the place of the node of each of these. `numbers` and `facts` are those of
    `KnownNodes`, one for each node, `entries` what earlier scans saw lacking on them.
    """

    segment: pa.Table
    filters: Filters
    rows: pa.StructArray
    all_owners: pa.Array
    lacking: pa.Array
    owners: pa.Array
    numbers: pa.Array
    facts: pa.Table
    entries: pa.Table
    is_pending: pa.Array

    def column(self, name: str) -> pa.Array:
        """Returns a column of the nodes."""
        return self.segment.column(name).combine_chunks()

    def of_lacking(self, name: str) -> pa.Array:
        """Returns a member of the rows that lack a fix."""
        return self.rows.field(name).take(self.lacking)

    @property
    def is_trusted(self) -> pa.Array:
        """Returns of each node whether a patch that it does not list is not lacking."""
        return pc.is_in(self.column("status"), pa.array(TRUSTED))

    @property
    def is_read(self) -> pa.Array:
        """Returns of each node whether the scan has its rows."""
        has_rows = pc.greater(self.column("patch_rows"), 0)
        return pc.or_(pc.is_in(self.column("status"), pa.array(_WITH_ROWS)), has_rows)


def reading(segment: pa.Table, known: KnownNodes, patches: PatchFilters) -> Reading:
    """Returns a segment table with what earlier scans know of its nodes."""
    segment = segment.combine_chunks()
    nested = segment.column("patches").combine_chunks()
    rows, all_owners = nested.flatten(), nested.value_parent_indices()
    states = rows.field("state")
    lacking = pc.indices_nonzero(pc.is_in(states, pa.array(LACKING_STATES)))
    pending = all_owners.filter(pc.equal(states, PENDING_REBOOT)).unique()
    is_pending = pc.or_(
        pc.is_in(pa.array(range(len(segment)), all_owners.type), pending),
        pc.fill_null(pc.greater(segment.column("installed_pending_reboot_count").combine_chunks(), 0), False),
    )
    numbers = known.numbers(segment)
    return Reading(
        segment=segment,
        filters=Filters(patches),
        rows=rows,
        all_owners=all_owners,
        lacking=lacking,
        owners=all_owners.take(lacking).cast(pa.int64()),
        numbers=numbers,
        facts=known.facts(numbers),
        entries=known.entries(numbers),
        is_pending=is_pending,
    )


def places(wanted: Sequence[pa.Array], among: Sequence[pa.Array]) -> pa.Array:
    """Returns where each row of some columns stands among the rows of others, null where it does not."""
    return pc.index_in(_joined(wanted), value_set=_joined(among))


def _joined(columns: Sequence[pa.Array | pa.ChunkedArray]) -> pa.Array:
    plain = [column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column for column in columns]
    texts = [pc.fill_null(column.cast(pa.string()), "") for column in plain]
    return pc.binary_join_element_wise(*texts, "\0")
