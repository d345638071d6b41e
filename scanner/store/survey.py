"""Reads all that the processes of a scan have stored, and decides which rows count; the commit is made from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.interfaces import Files
from scanner.core.model import ScanRow
from scanner.store import node_index
from scanner.store.ended_targets import EndedList, list_ended
from scanner.store.layout import ScanNames
from scanner.store.node_index import Rows, TargetKey
from scanner.store.plan_file import ScanPlan, read_plan
from scanner.store.segment_reader import SegmentList, list_segments
from scanner.store.target_records import (
    NOTHING_HELD,
    Records,
    TargetCounts,
    best_record,
    outdated_gap_rows,
    records_by_target,
    target_counts,
)

LOST_SHOWN = 8  # targets that an error names


class Survey(Struct, frozen=True):
    """What an unfinished scan holds, and which of its rows do not count.

    `counts` has what the segments hold of each target, each node once. `records` are those of the planned targets that
    ended, the best first.
    """

    plan: ScanPlan
    segments: SegmentList
    surplus: Rows
    counts: Mapping[TargetKey, TargetCounts]
    records: Records
    ended: EndedList
    rows: int  # rows of nodes, repeated ones too, less those that earlier readings left

    @property
    def nodes(self) -> dict[str, int]:
        """Returns how many nodes ended with each status."""
        keys = self.segments.keys
        kept = [node_index.without(table, self.surplus.get(number, ())) for number, table in enumerate(keys)]
        return node_index.status_counts(kept)


async def survey(files: Files, names: ScanNames, left_out: Mapping[str, Collection[int]]) -> Survey:
    """Surveys an unfinished scan. The records are listed before the segments, so that what they claim is there by then.

    Args:
        files: the store.
        names: those of the scan.
        left_out: rows by the name of their segment that do not count in any case.

    Raises:
        StoreError: the store cannot be read, or the plan is damaged.
    """
    plan = await read_plan(files, names) or ScanPlan()
    ended = await list_ended(files, names)
    found = await list_segments(files, names)
    planned = {(each.target.account_id, each.target.region) for each in plan.targets}
    records = {key: of_target for key, of_target in records_by_target(ended.outcomes).items() if key in planned}
    outdated = outdated_gap_rows(found.keys, records, planned) if planned else node_index.NO_ROWS
    earlier = node_index.joined(_by_number(found, left_out), outdated)
    surplus = node_index.joined(earlier, node_index.duplicate_rows(found.keys, earlier))
    rows = sum(map(len, found.keys)) - sum(map(len, earlier.values()))
    return Survey(plan, found, surplus, target_counts(found.keys, surplus), records, ended, rows)


def _by_number(found: SegmentList, left_out: Mapping[str, Collection[int]]) -> Rows:
    return {
        number: set(left_out[segment.file.name])
        for number, segment in enumerate(found.segments)
        if segment.file.name in left_out
    }


def check_nothing_lost(whole: Survey, row: ScanRow, place: str) -> None:
    """Raises `StoreError` if the segments in `place` hold fewer nodes than were written, of a target or in all."""
    lost = [key for key in whole.records if _is_lost(whole, key)]
    counted, held = sum(row.nodes.values()), whole.rows
    if not lost and held >= counted:
        return
    ignored = "".join(f"; {file.name} was ignored: {file.reason}" for file in whole.segments.ignored)
    remedy = f"nothing was committed, run `patchsweep scan --resume {row.scan_id}` to read the missing ones again"
    if lost:
        named = ", ".join(map("/".join, lost[:LOST_SHOWN])) + (" and others" if len(lost) > LOST_SHOWN else "")
        raise StoreError(f"{place} lacks nodes that were read of {named}{ignored}: {remedy}")
    raise StoreError(f"{place} holds {held} of the {counted} nodes that were written{ignored}: {remedy}")


def _is_lost(whole: Survey, key: TargetKey) -> bool:
    return best_record(whole.records[key], whole.counts.get(key, NOTHING_HELD)) is None
