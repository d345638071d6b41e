"""Reads one scan's files, each checked against its digest: that of the manifest, or the one in its own name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa
from anyio import to_thread
from msgspec import Struct, structs

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.files.names import checked
from scanner.store import segment_parts
from scanner.store.hollow_file import footer_of
from scanner.store.json_files import from_json
from scanner.store.layout import ScanNames, digest_in
from scanner.store.manifest import FileEntry, Manifest
from scanner.store.node_index import TargetKey, of_targets
from scanner.store.segments import INDEX_COLUMNS, decode, digest

_J = TypeVar("_J", bound=Struct)

FILES_AT_ONCE = 8  # segments read side by side: on S3 each waits far longer than its transfer takes


class DamagedFile(StoreError):
    """A file of a scan is missing, or is not what was written: `problem` is the sentence without what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}{remedy}")
        self.problem = problem


class IgnoredFile(Struct, frozen=True):
    """A file among a scan's segments that is not used, and why."""

    name: str
    reason: str


class FoundSegment(Struct, frozen=True):
    """A readable segment: its nodes file, the key columns of its nodes, and its patches file if it has one."""

    file: FileEntry
    keys: pa.Table
    patches: FileEntry | None = None

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Returns the files of the segment."""
        return (self.file,) if self.patches is None else (self.file, self.patches)


class SegmentList(Struct, frozen=True):
    """The readable segments of a scan, the files beside them that are not used, and the names of its `thin_rows`."""

    segments: list[FoundSegment]
    ignored: list[IgnoredFile]
    thin: list[str] = []

    @property
    def keys(self) -> list[pa.Table]:
        """Returns the key columns of each segment."""
        return [segment.keys for segment in self.segments]


async def load(files: Files, name: str, kind: type[_J]) -> _J:
    """Returns a JSON file of the store.

    Raises:
        ScanNotFound: there is no such file.
        StoreError: it is damaged; the text names it.
    """
    data = await files.get(name)
    place = f"{files.url}/{name}"
    if data is None:
        raise ScanNotFound(f"there is no {place}: list the scans with `patchsweep scans`")
    return from_json(data, kind, place)


async def load_manifest(files: Files, names: ScanNames) -> Manifest:
    """Returns the manifest of a committed scan; raises `ScanNotFound`, or `StoreError` if it is of another scan."""
    manifest = await load(files, names.manifest, Manifest)
    listed = [entry.name for entry in manifest.files]
    if manifest.scan.scan_id != names.scan_id or not all(_is_part_of(names, name) for name in listed):
        raise StoreError(f"{files.url}/{names.manifest} belongs to another scan: restore it from a copy")
    return manifest


async def readable_manifest(files: Files, scan_id: str) -> Manifest | None:
    """Returns the manifest of a committed scan, or None where it is damaged or was removed meanwhile."""
    try:
        return await load_manifest(files, ScanNames(scan_id))
    except (StoreError, ScanNotFound):
        return None


def _is_part_of(names: ScanNames, name: str) -> bool:
    return checked(name).startswith(f"{names.folder}/")


async def fetch(files: Files, entry: FileEntry) -> bytes:
    """Returns the bytes of a file that a manifest lists.

    Raises:
        DamagedFile: the file is missing or is not what was written; the text names it.
        StoreError: the store cannot be read.
    """
    data = await files.get(entry.name)
    place = f"{files.url}/{entry.name}"
    if data is None:
        raise DamagedFile(f"{place} is missing", ": restore it from a copy, or scan again")
    if len(data) != entry.bytes or await digest(data) != entry.sha256:
        raise DamagedFile(f"{place} is not what was written (its checksum differs)", ": restore it, or scan again")
    return data


async def read_segment(
    files: Files,
    names: ScanNames,
    entry: FileEntry,
    join: Callable[[pa.Table, bytes | None], pa.Table] = segment_parts.join,
) -> pa.Table:
    """Returns the rows of a segment by its nodes file; raises `StoreError` that names the file."""
    data = await fetch(files, entry)
    with naming(files, entry.name):
        nodes = await to_thread.run_sync(segment_parts.decode_nodes, data)
        _check_owner(nodes.table, names)
        if nodes.patches is not None:
            check_place(nodes.patches, names)
    if nodes.is_whole:
        return nodes.table
    patches = None if nodes.patches is None else await fetch(files, nodes.patches)
    with naming(files, entry.name if nodes.patches is None else nodes.patches.name):
        return await to_thread.run_sync(join, nodes.table, patches)


@contextmanager
def naming(files: Files, name: str) -> Iterator[None]:
    """Names a file that the block cannot read, in a `DamagedFile`."""
    try:
        yield
    except StoreError as error:
        raise DamagedFile(f"{files.url}/{name} cannot be read: {error}", "; restore it, or scan again") from error


@contextmanager
def damage_can_be_read_again(files: Files, names: ScanNames, segment: FoundSegment) -> Iterator[None]:
    """Tells how to go on where a segment of an unfinished scan turns out to be damaged while the block reads it.

    A list of segments compares the size of a patches file alone, so that other changes of it show only here.
    """
    try:
        yield
    except DamagedFile as error:
        raise StoreError(
            f"{error.problem}: delete {files.url}/{segment.file.name} and run `patchsweep scan --resume "
            f"{names.scan_id}`, which reads its nodes again"
        ) from error


async def list_segments(files: Files, names: ScanNames, wanted: Collection[TargetKey] | None = None) -> SegmentList:
    """Lists the segments of a scan, committed or not, and reads the keys of those that are intact.

    Of a patches file only the size is compared: it was durable before its nodes file was written.

    Args:
        files: the files of the store.
        names: the names of the scan.
        wanted: only the keys of nodes of these targets are kept; None: all.

    Raises:
        StoreError: the store itself cannot be read.
    """
    sizes = await files.sizes(f"{names.folder}/")
    listed = sorted(name for name in sizes if name.startswith(names.segments))

    async def inspect(name: str) -> FoundSegment | IgnoredFile | None:
        found = await _inspect(files, names, sizes, name)
        if wanted is None or not isinstance(found, FoundSegment):
            return found
        return structs.replace(found, keys=of_targets(found.keys, wanted))

    found = await map_bounded(inspect, listed, FILES_AT_ONCE)
    return SegmentList(
        [file for file in found if isinstance(file, FoundSegment)],
        [file for file in found if isinstance(file, IgnoredFile)],
        sorted(name for name in sizes if name.startswith(names.thin)),
    )


async def _inspect(
    files: Files, names: ScanNames, sizes: Mapping[str, int], name: str
) -> FoundSegment | IgnoredFile | None:
    """Returns None if the file was removed meanwhile."""
    named_digest = digest_in(name)
    if named_digest is None:
        return IgnoredFile(name, "it is not named like a segment")
    data = await files.get(name)
    if data is None:
        return None
    try:
        segment = await _read_keys(name, data, named_digest, names)
        if segment.patches is not None:
            check_place(segment.patches, names)
            _check_size(segment.patches, await _size(files, segment.patches.name, sizes))
    except StoreError as reason:
        return IgnoredFile(name, str(reason))
    return segment


async def _read_keys(name: str, data: bytes, named_digest: str, names: ScanNames) -> FoundSegment:
    actual = await digest(data)
    if not actual.startswith(named_digest):
        raise StoreError("it is torn or was changed: its content does not match its name")
    keys = await decode(data, INDEX_COLUMNS)
    _check_owner(keys, names)
    patches = await to_thread.run_sync(segment_parts.named_patches, data)
    # The first release wrote pages without checksums.
    footer = footer_of(data) if patches is not None else None
    return FoundSegment(FileEntry(name, actual, len(data), footer), keys.drop_columns(["scan_id"]), patches)


async def _size(files: Files, name: str, sizes: Mapping[str, int]) -> int | None:
    """Returns the size of a file; one that is not among the listed sizes may have been written since."""
    return sizes[name] if name in sizes else (await files.sizes(name)).get(name)


def _check_size(patches: FileEntry, size: int | None) -> None:
    if size is None:
        raise StoreError(f"its patches file {patches.name} is missing")
    if size != patches.bytes:
        raise StoreError(f"its patches file {patches.name} is torn or was changed: its size is not that of the content")


def check_place(patches: FileEntry, names: ScanNames) -> None:
    """Raises `StoreError` if a patches file belongs to another scan."""
    if not _is_part_of(names, patches.name):
        raise StoreError(f"its patches file {patches.name} belongs to another scan")


def _check_owner(table: pa.Table, names: ScanNames) -> None:
    if "scan_id" in table.column_names and set(table.column("scan_id").unique().to_pylist()) - {names.scan_id}:
        raise StoreError("it belongs to another scan")
