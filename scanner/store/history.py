"""Reads what committed scans hold of nodes, so that a delta or lean scan need not read all of them whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import anyio
import pyarrow as pa
import pyarrow.compute as pc
from anyio import to_thread
from msgspec import Struct, structs

from scanner.core.chunks import single
from scanner.core.comparable import with_sorted_lists
from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.core.model import EpochMs, NodeStatus, PatchState, Target
from scanner.core.packed_values import PackedValues
from scanner.core.scan_request import PatchFilters
from scanner.core.whole_reading import WholeReading, operation_id
from scanner.store.carried_rows import NODE_KEY
from scanner.store.earlier_segment import EarlierSegment
from scanner.store.installed_ids import InstalledIds
from scanner.store.layout import ScanNames
from scanner.store.manifest import FileEntry, ScanHeader
from scanner.store.node_index import TargetKey
from scanner.store.segment_part import SegmentPart, read_part
from scanner.store.segment_reader import FILES_AT_ONCE, fetch, load, load_manifest
from scanner.store.segments import decode

MAX_SCANS = 10  # How many committed scans are looked through for targets that the newest does not hold

_STATE_COLUMNS = [name for name in PatchState.__struct_fields__ if name != "instance_id"]
_READING_COLUMNS = ["status", "scanned_at", "installed_as_of", "installed_read_at"]
_WHOLE = frozenset({NodeStatus.VERIFIED.value, NodeStatus.UNCHANGED.value})


class HistoryQuery(Struct, frozen=True):
    """What is looked for: nodes of these targets, read under these filters, their installed patches after `since`.

    `is_lean` asks for nodes too whose installed patches were carried over, and for the ids of what is installed. It
    takes scans that list what is not applicable though this one does not.
    """

    targets: Collection[TargetKey]
    patches: PatchFilters
    since: EpochMs
    is_lean: bool = False

    def accepts(self, stored: PatchFilters) -> bool:
        """Returns whether a scan under these filters has all rows that the new one wants."""
        if self.is_lean and stored.not_applicable:
            stored = structs.replace(stored, not_applicable=self.patches.not_applicable)
        return with_sorted_lists(stored) == with_sorted_lists(self.patches)

    @property
    def statuses(self) -> frozenset[str]:
        """Returns the statuses of the nodes that are looked for."""
        return _WHOLE | {NodeStatus.REFRESHED.value} if self.is_lean else _WHOLE


class History:
    """Verified nodes of committed scans, by their last patch state; `damaged` names stored files that were not used."""

    def __init__(self, files: Files, query: HistoryQuery) -> None:
        self._files = files
        self._query = query
        self._segments: list[FileEntry] = []
        self._installed: list[InstalledIds | None] = []
        # 110 bytes a node, and 350 as objects.
        self._nodes: dict[TargetKey, PackedValues[WholeReading]] = defaultdict(lambda: PackedValues(WholeReading))
        self.damaged: list[str] = []
        # Files are fetched side by side and decoded one at a time: eight decoded segments take 100 MB.
        self._decoding = anyio.Lock()

    @property
    def targets(self) -> int:
        """Returns how many targets it was looked for: those that are about to be read."""
        return len(self._query.targets)

    @property
    def is_empty(self) -> bool:
        """Returns whether no node is held, so that every node of these targets will be read."""
        return not any(self._nodes.values())

    def reading(self, target: Target, instance_id: str) -> WholeReading | None:
        """Returns what is held of a node."""
        known = self._nodes.get((target.account_id, target.region))
        return None if known is None else known.get(instance_id)

    def is_unchanged(self, target: Target, state: PatchState) -> bool:
        """Returns whether all of the node's rows are stored under this very patch state.

        A state without snapshot id or end time identifies no operation, so that its node is always read.
        """
        known = self.reading(target, state.instance_id)
        operation = operation_id(state)
        return known is not None and known.is_whole and operation is not None and known.operation == operation

    def has_installed(self, reading: WholeReading, kb_ids: Collection[str]) -> bool:
        """Returns whether one of these ids is among the node's installed patches; see `InstalledIds`."""
        installed = self._installed[reading.segment]
        return installed is None or installed.has_any(reading.row, kb_ids)

    def nodes_by_segment(self) -> Counter[int]:
        """Returns how many nodes are held of each segment."""
        return Counter(reading.segment for nodes in self._nodes.values() for reading in nodes.values())

    def segments_of(self, nodes: pa.Table) -> Iterator[int]:
        """Yields the number of the segment that holds each node of a segment table."""
        for account_id, region, instance_id in _keys(nodes):
            yield self._nodes[account_id, region][instance_id].segment

    def earlier(self, segment: int) -> EarlierSegment:
        """Returns the segment with this number, from which nodes take their rows."""
        return EarlierSegment(self._files, self._segments[segment], self._query.patches)

    async def add(self, names: ScanNames, entry: FileEntry, missing: Collection[TargetKey]) -> set[TargetKey]:
        """Adds the nodes of a segment that belong to these targets; returns all targets that it holds nodes of."""
        try:
            data = await fetch(self._files, entry)
            async with self._decoding:
                index = await decode(data, [*NODE_KEY, *_READING_COLUMNS, *_STATE_COLUMNS])
                held, rows = _targets_and_rows(index, missing)
                # A worker looks for its own targets, of which most segments of a large scan hold none.
                with_ids = self._query.is_lean and len(rows)
                installed = await self._installed_ids(names, entry) if with_ids else None
        except StoreError as error:
            self.damaged.append(str(error))
            return set()
        if len(rows):
            number = len(self._segments)
            self._segments.append(entry)
            self._installed.append(installed)
            for key, status, reading in _readings(index, rows, number):
                if status in self._query.statuses and reading.read_at > self._query.since:
                    self._nodes[key[:2]][key[2]] = reading
        return held

    async def _installed_ids(self, names: ScanNames, entry: FileEntry) -> InstalledIds:
        """Reads two members of each patch, not all ten."""
        part = await read_part(self._files, names, entry, SegmentPart((), ("kb_id", "state")))
        return await to_thread.run_sync(InstalledIds, single(part.column("patches")))


async def history(files: Files, scan_ids: Sequence[str], query: HistoryQuery) -> History:
    """Returns what the committed scans `scan_ids` (newest last) hold.

    Each target is taken from the newest scan that holds it and was made under filters that fit.
    """
    found = History(files, query)
    missing = set(query.targets)
    for scan_id in reversed(scan_ids[-MAX_SCANS:]):
        if not missing:
            break
        try:
            missing -= await _take_in(found, files, ScanNames(scan_id), missing, query)
        except (StoreError, ScanNotFound) as error:
            found.damaged.append(str(error))
    return found


async def _take_in(
    found: History, files: Files, names: ScanNames, missing: Collection[TargetKey], query: HistoryQuery
) -> set[TargetKey]:
    """Adds what one scan holds; returns its targets."""
    if not query.accepts((await load(files, names.header, ScanHeader)).request.patches):
        return set()
    entries = (await load_manifest(files, names)).segments
    held = await map_bounded(lambda entry: found.add(names, entry, missing), entries, FILES_AT_ONCE)
    return set().union(*held)


def _targets_and_rows(index: pa.Table, wanted: Collection[TargetKey]) -> tuple[set[TargetKey], pa.Array]:
    """Returns the targets of which a segment holds nodes, and the rows of the nodes that belong to the wanted ones."""
    pairs = pc.binary_join_element_wise(*(single(index.column(name)) for name in NODE_KEY[:2]), "/")
    held = {(account_id, region): f"{account_id}/{region}" for account_id, region in _split(pairs.unique())}
    texts = pa.array([text for key, text in held.items() if key in wanted], pa.string())
    return set(held), pc.indices_nonzero(pc.is_in(pairs, value_set=texts)).cast(pa.int64())


def _split(pairs: pa.Array) -> Iterator[TargetKey]:
    for account_id, _, region in (text.partition("/") for text in pairs.to_pylist()):
        yield account_id, region


def _readings(
    index: pa.Table, rows: pa.Array, segment: int
) -> Iterator[tuple[tuple[str, str, str], str, WholeReading]]:
    """Yields key, status and reading of the nodes in these rows, in their order."""
    index = index.take(rows)
    values = {name: _plain(index.column(name)) for name in index.column_names}
    states = zip(*(values[name] for name in _STATE_COLUMNS), strict=True)
    readings = zip(*(values[name] for name in _READING_COLUMNS), strict=True)
    for row, key, state_values, reading in zip(rows.to_pylist(), _keys(index), states, readings, strict=True):
        status, scanned_at, as_of, read_at = reading
        state = PatchState(key[2], *state_values)
        yield (
            key,
            status,
            WholeReading(
                operation=operation_id(state),
                is_whole=status in _WHOLE,
                read_at=scanned_at if read_at is None else read_at,
                as_of=state.operation_end_time if as_of is None else as_of,
                baseline_id=state.baseline_id,
                installed_count=state.installed_count,
                installed_other_count=state.installed_other_count,
                last_no_reboot_install_time=state.last_no_reboot_install_time,
                segment=segment,
                row=row,
            ),
        )


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Returns the values, times as epoch milliseconds."""
    return list((column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())


def _keys(table: pa.Table) -> Iterator[tuple[str, str, str]]:
    return zip(*(table.column(name).to_pylist() for name in NODE_KEY), strict=True)
