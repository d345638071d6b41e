"""The JSON files of a store: `scan.json` opens a scan, `manifest.json` commits it, `latest.json` points to one."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from scanner.core.errors import StoreError
from scanner.core.model import EpochMs, Mode, ScanRow
from scanner.core.settings import Settings

_J = TypeVar("_J", bound=Struct)
_SEALED = re.compile(rb'(.*),\n  "sha256": "([0-9a-f]{64})"\n}\n', re.DOTALL)


class ScanHeader(Struct, frozen=True):
    """`scan.json`: what a scan was asked to do, so that a resumed one does the same. Holds no secrets."""

    scan_id: str
    started_at: EpochMs
    version: str
    mode: Mode
    settings: Settings
    demo: bool = False
    """Whether it reads the embedded simulated organization."""
    format: Literal[1] = 1


class FileEntry(Struct, frozen=True):
    """A file a manifest vouches for; `name` is its whole name in the store."""

    name: str
    sha256: str
    bytes: int


class SegmentEntry(FileEntry, frozen=True):
    """A segment, with the nodes and the patch rows it holds."""

    nodes: int
    patch_rows: int


class Manifest(Struct, frozen=True):
    """`manifest.json`: a scan's row and every file that is part of it."""

    scan: ScanRow
    segments: tuple[SegmentEntry, ...]
    targets: FileEntry
    format: Literal[1] = 1


class Latest(Struct, frozen=True):
    """`latest.json`: the newest committed scan, for readers that follow a pointer."""

    scan_id: str
    manifest: str


def to_json(value: Struct) -> bytes:
    """Indented, so that a person can read it; the last member is the digest of all before it."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).removesuffix(b"\n}")
    return b'%s,\n  "sha256": "%s"\n}\n' % (text, _digest(text))


def from_json(data: bytes, kind: type[_J], place: str) -> _J:
    """What `to_json` wrote, or raises `StoreError` that names the place."""
    try:
        value = msgspec.json.decode(data, type=kind)
    # Bytes that are not UTF-8, or brackets without end, are no DecodeError to msgspec.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(place, str(error)) from error
    sealed = _SEALED.fullmatch(data)
    if sealed is None or sealed[2] != _digest(sealed[1]):
        raise _damaged(place, "it was changed after it was written")
    return value


def _digest(text: bytes) -> bytes:
    return sha256(text).hexdigest().encode()


def _damaged(place: str, why: str) -> StoreError:
    return StoreError(f"{place} is damaged or of another version ({why}): restore it from a copy or delete its scan")
