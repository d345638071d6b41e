"""Reads one scan's files, each checked against its digest: that of the manifest, or the one in its own name."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

import pyarrow as pa
from msgspec import Struct

from scanner.core.concurrency import map_bounded
from scanner.core.errors import ScanNotFound, StoreError
from scanner.core.interfaces import Files
from scanner.files.names import checked
from scanner.store.json_files import from_json
from scanner.store.layout import ScanNames, digest_in
from scanner.store.manifest import FileEntry, Manifest
from scanner.store.segments import INDEX_COLUMNS, decode, digest

_J = TypeVar("_J", bound=Struct)

FILES_AT_ONCE = 8  # segments read side by side: on S3 each waits far longer than its transfer takes


class IgnoredFile(Struct, frozen=True):
    """A file among a scan's segments that is not used, and why."""

    name: str
    reason: str


class FoundSegment(Struct, frozen=True):
    """A readable segment: its file and the key columns of its nodes."""

    file: FileEntry
    keys: pa.Table


class SegmentList(Struct, frozen=True):
    """The readable segments of a scan, and the files beside them that are not used."""

    segments: list[FoundSegment]
    ignored: list[IgnoredFile]

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
    entries = (*manifest.segments, manifest.targets, *([manifest.history] if manifest.history else []))
    listed = [entry.name for entry in entries]
    if manifest.scan.scan_id != names.scan_id or not all(_is_part_of(names, name) for name in listed):
        raise StoreError(f"{files.url}/{names.manifest} belongs to another scan: restore it from a copy")
    return manifest


def _is_part_of(names: ScanNames, name: str) -> bool:
    return checked(name).startswith(f"{names.folder}/")


async def fetch(files: Files, entry: FileEntry) -> bytes:
    """Returns the bytes of a file that a manifest lists.

    Raises:
        StoreError: the file is missing or is not what was committed; the text names it.
    """
    data = await files.get(entry.name)
    place = f"{files.url}/{entry.name}"
    if data is None:
        raise StoreError(f"{place} is missing: restore it from a copy, or scan again")
    if len(data) != entry.bytes or await digest(data) != entry.sha256:
        raise StoreError(f"{place} is not what was committed (its checksum differs): restore it, or scan again")
    return data


async def read_segment(files: Files, names: ScanNames, entry: FileEntry) -> pa.Table:
    """Returns the rows of a segment; raises `StoreError` that names it."""
    data = await fetch(files, entry)
    try:
        table = await decode(data)
        _check_owner(table, names)
    except StoreError as error:
        raise StoreError(f"{files.url}/{entry.name} cannot be read: {error}; restore it, or scan again") from error
    return table


async def list_segments(files: Files, names: ScanNames) -> SegmentList:
    """Lists the segments of a scan, committed or not, and reads the keys of those that are intact.

    Raises:
        StoreError: the store itself cannot be read.
    """
    listed = await files.names(names.segments)
    found = await map_bounded(partial(_inspect, files, names), listed, FILES_AT_ONCE)
    return SegmentList(
        [file for file in found if isinstance(file, FoundSegment)],
        [file for file in found if isinstance(file, IgnoredFile)],
    )


async def _inspect(files: Files, names: ScanNames, name: str) -> FoundSegment | IgnoredFile | None:
    """Returns None if the file was removed meanwhile."""
    named_digest = digest_in(name)
    if named_digest is None:
        return IgnoredFile(name, "it is not named like a segment")
    data = await files.get(name)
    if data is None:
        return None
    try:
        return await _read_keys(name, data, named_digest, names)
    except StoreError as reason:
        return IgnoredFile(name, str(reason))


async def _read_keys(name: str, data: bytes, named_digest: str, names: ScanNames) -> FoundSegment:
    actual = await digest(data)
    if not actual.startswith(named_digest):
        raise StoreError("it is torn or was changed: its content does not match its name")
    keys = await decode(data, INDEX_COLUMNS)
    _check_owner(keys, names)
    return FoundSegment(FileEntry(name, actual, len(data)), keys.drop_columns(["scan_id"]))


def _check_owner(table: pa.Table, names: ScanNames) -> None:
    if "scan_id" in table.column_names and set(table.column("scan_id").unique().to_pylist()) - {names.scan_id}:
        raise StoreError("it belongs to another scan")
