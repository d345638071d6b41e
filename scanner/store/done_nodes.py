"""What an unfinished scan holds already, which who goes on with it does not read again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
from msgspec import Struct

from scanner.core.interfaces import Files
from scanner.core.model import TargetOutcome
from scanner.store import node_index, target_records
from scanner.store.ended_targets import EndedList, list_ended
from scanner.store.layout import ScanNames
from scanner.store.segment_reader import IgnoredFile, list_segments
from scanner.store.thin_rows import ThinFile, list_thin


class DoneNodes(Struct, frozen=True):
    """What an unfinished scan holds already, by (account_id, region), and the files that were not used.

    `ended` has the records of the targets that need no further reading.
    """

    targets: dict[node_index.TargetKey, node_index.DoneTarget]
    ignored: list[IgnoredFile]
    ended: Mapping[node_index.TargetKey, TargetOutcome] = {}

    def instance_ids(self, account_id: str, region: str) -> frozenset[str]:
        """Returns the delivered nodes of a target."""
        target = self.targets.get((account_id, region))
        return target.instance_ids if target else frozenset()


async def done_of(files: Files, names: ScanNames, targets: Collection[node_index.TargetKey]) -> DoneNodes:
    """Reads what is delivered of these targets; see `OpenScan.prepare_work`."""
    ended = await list_ended(files, names)
    found = await list_segments(files, names, targets)
    thin = await list_thin(files, names, found.thin, wanted=targets)
    keys = [*found.keys, *(file.keys for file in thin if isinstance(file, ThinFile))]
    ignored = [*found.ignored, *(file for file in thin if isinstance(file, IgnoredFile))]
    done = done_nodes(keys, surplus_of_earlier_runs(keys), ended, ignored)
    return DoneNodes(done.targets, done.ignored, {key: each for key, each in done.ended.items() if key in targets})


def done_nodes(
    keys: Sequence[pa.Table], surplus: node_index.Rows, ended: EndedList, ignored: Sequence[IgnoredFile]
) -> DoneNodes:
    """Returns what the rows that are not surplus hold, and the targets that their records call read."""
    counts = target_records.target_counts(keys, surplus)
    done = target_records.done_records(target_records.records_by_target(ended.outcomes), counts)
    return DoneNodes(node_index.done_targets(keys, surplus), [*ignored, *ended.ignored], done)


def surplus_of_earlier_runs(keys: Sequence[pa.Table]) -> node_index.Rows:
    """Returns the rows of gaps, whose nodes are read again, and all but one of each node's others."""
    gaps = node_index.gap_rows(keys)
    return node_index.joined(gaps, node_index.duplicate_rows(keys, gaps))
