"""Reads what committed scans hold of nodes, so that a delta scan reads only those whose patch state has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

import pyarrow as pa
from anyio import to_thread
from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.core.model import EpochMs, Fingerprint, NodeScan, NodeStatus, PatchState, Target
from scanner.core.scan_request import PatchFilters
from scanner.core.tables import SEGMENT, segment_table
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry, ScanHeader
from scanner.store.node_index import TargetKey
from scanner.store.segment_reader import FILES_AT_ONCE, fetch, load, load_manifest, read_segment
from scanner.store.segments import decode

MAX_SCANS = 10  # How many committed scans are looked through for targets that the newest does not hold

_STATE_COLUMNS = [name for name in PatchState.__struct_fields__ if name != "instance_id"]
_NODE_COLUMNS = ["account_id", "region", "instance_id"]
_KEPT_COLUMNS = ("patch_rows", "scanned_at", "patches")
_TRUSTED = frozenset({NodeStatus.VERIFIED.value, NodeStatus.UNCHANGED.value})

NodeKey = tuple[str, str, str]  # (account_id, region, instance_id)


class _Known(Struct, frozen=True):
    """A node's patch state as it was stored, and the number of the segment that holds its rows."""

    state: Fingerprint
    segment: int


class History:
    """Verified nodes of committed scans, by their last patch state; `damaged` names stored files that were not used."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._segments: list[tuple[ScanNames, FileEntry]] = []
        self._nodes: dict[NodeKey, _Known] = {}
        self.damaged: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Returns whether no node is held, so that every node will be read."""
        return not self._nodes

    def is_unchanged(self, target: Target, state: PatchState) -> bool:
        """Returns whether the node's rows are stored under this very patch state.

        A state without snapshot id or end time identifies no operation, so that its node is always read.
        """
        if state.snapshot_id is None or state.operation_end_time is None:
            return False
        known = self._nodes.get((target.account_id, target.region, state.instance_id))
        return known is not None and known.state == state.fingerprint

    def by_segment(self, scans: Iterable[NodeScan]) -> dict[int, list[NodeScan]]:
        """Returns unchanged nodes by the number of the segment that holds their rows."""
        groups: dict[int, list[NodeScan]] = {}
        for scan in scans:
            groups.setdefault(self._nodes[_key(scan)].segment, []).append(scan)
        return groups

    async def renewed(self, segment: int, scan_id: str, scans: Sequence[NodeScan]) -> pa.Table:
        """Returns the segment table of these nodes in a new scan: what was read now, with the rows stored then.

        `scanned_at` stays the time at which the rows were read from AWS.

        Raises:
            StoreError: the segment is missing or damaged; the text names it.
        """
        names, entry = self._segments[segment]
        table = await read_segment(self._files, names, entry)
        return await to_thread.run_sync(partial(_renewed, table, scan_id, {_key(scan): scan for scan in scans}))

    def add(
        self, names: ScanNames, entry: FileEntry, index: pa.Table, targets: Collection[TargetKey], since: EpochMs
    ) -> None:
        """Adds the nodes of a segment that belong to these targets and were read from AWS after `since`."""
        self._segments.append((names, entry))
        number = len(self._segments) - 1
        for key, state in _trusted(index, targets, since):
            self._nodes[key] = _Known(state, number)


async def history(
    files: Files, scan_ids: Sequence[str], targets: Collection[TargetKey], patches: PatchFilters, since: EpochMs
) -> History:
    """Returns what the committed scans `scan_ids` (newest last) hold of these targets.

    Each target is taken from the newest scan that holds it and was made under the same patch filters.
    """
    found = History(files)
    missing = set(targets)
    for scan_id in reversed(scan_ids[-MAX_SCANS:]):
        if not missing:
            break
        try:
            missing -= await _take_in(found, files, ScanNames(scan_id), missing, patches, since)
        except (StoreError, ScanNotFound) as error:
            found.damaged.append(str(error))
    return found


async def _take_in(
    found: History,
    files: Files,
    names: ScanNames,
    missing: Collection[TargetKey],
    patches: PatchFilters,
    since: EpochMs,
) -> set[TargetKey]:
    """Adds what one scan holds; returns its targets."""
    held: set[TargetKey] = set()
    if (await load(files, names.header, ScanHeader)).request.patches != patches:
        return held
    entries = (await load_manifest(files, names)).segments
    indexes = await map_bounded(partial(_index, files), entries, FILES_AT_ONCE)
    for entry, index in zip(entries, indexes, strict=True):
        if isinstance(index, StoreError):
            found.damaged.append(str(index))
        else:
            held |= await to_thread.run_sync(_targets_in, index)
            found.add(names, entry, index, missing, since)
    return held


async def _index(files: Files, entry: FileEntry) -> pa.Table | StoreError:
    """Returns the nodes of a segment with their patch states, or why they cannot be read."""
    try:
        return await decode(await fetch(files, entry), [*_NODE_COLUMNS, "status", "scanned_at", *_STATE_COLUMNS])
    except StoreError as error:
        return error


def _targets_in(index: pa.Table) -> set[TargetKey]:
    keys = index.group_by(["account_id", "region"]).aggregate([]).to_pydict()
    return set(zip(keys["account_id"], keys["region"], strict=True))


def _trusted(index: pa.Table, targets: Collection[TargetKey], since: EpochMs) -> Iterator[tuple[NodeKey, Fingerprint]]:
    columns = {
        name: index.column(name).cast(pa.int64())
        if pa.types.is_timestamp(index.schema.field(name).type)
        else index.column(name)
        for name in index.column_names
    }
    values = {name: column.to_pylist() for name, column in columns.items()}
    states = zip(*(values[name] for name in _STATE_COLUMNS), strict=True)
    keys = zip(*(values[name] for name in _NODE_COLUMNS), strict=True)
    for key, status, read_at, state in zip(keys, values["status"], values["scanned_at"], states, strict=True):
        if status in _TRUSTED and read_at > since and key[:2] in targets:
            yield key, PatchState(key[2], *state).fingerprint


def _renewed(table: pa.Table, scan_id: str, wanted: Mapping[NodeKey, NodeScan]) -> pa.Table:
    columns = (table.column(name).to_pylist() for name in _NODE_COLUMNS)
    rows = {key: row for row, key in enumerate(zip(*columns, strict=True)) if key in wanted}
    stored = table.take(pa.array(list(rows.values()), pa.int64()))
    renewed = segment_table(scan_id, [wanted[key] for key in rows])
    for name in _KEPT_COLUMNS:
        place = SEGMENT.get_field_index(name)
        renewed = renewed.set_column(place, SEGMENT.field(name), stored.column(name))
    return renewed


def _key(scan: NodeScan) -> NodeKey:
    return scan.target.account_id, scan.target.region, scan.node.instance_id
